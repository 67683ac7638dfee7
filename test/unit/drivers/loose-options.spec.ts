/** TypeORM's options in one form, and the copy in which one server has other credentials. */
import { listServerOptions, type LooseOptions, replaceServerOptions } from "../../../src/drivers/loose-options.js";

const SERVER = { host: "db", password: "two", port: 5_432, ssl: true, username: "green" };
const SINGLE: LooseOptions = Object.freeze({ database: "shop", host: "db", password: "one", type: "postgres", username: "app" });
const REPLICATED: LooseOptions = Object.freeze({
	replication: Object.freeze({
		master: Object.freeze({ host: "db", password: "one" }),
		slaves: Object.freeze([Object.freeze({ host: "r0", password: "one" }), Object.freeze({ host: "r1", password: "one" })]),
	}),
	type: "postgres",
	username: "app",
});

describe("listServerOptions", () => {
	it("has one server without a replication, and the primary first with one", () => {
		expect(listServerOptions(SINGLE)).toEqual([SINGLE]);
		expect(listServerOptions(REPLICATED).map(({ host }) => host)).toEqual(["db", "r0", "r1"]);
	});
});

describe("replaceServerOptions", () => {
	it("puts credentials, and nothing else, into a copy", () => {
		const options = replaceServerOptions(SINGLE, 0, { ...SERVER, url: "of a server" }, {});

		expect(options).toEqual({ ...SINGLE, ...SERVER });
	});

	it("keeps what the server does not name", () => {
		expect(replaceServerOptions(SINGLE, 0, { password: "two" }, {})).toEqual({ ...SINGLE, password: "two" });
	});

	it("replaces the primary of a replication, and what stands beside it", () => {
		const options = replaceServerOptions(REPLICATED, 0, SERVER, { username: "green" });

		expect(options).toEqual({ ...REPLICATED, replication: { ...REPLICATED.replication, master: SERVER }, username: "green" });
	});

	it("replaces one replica and leaves all else alone", () => {
		const options = replaceServerOptions(REPLICATED, 2, SERVER, { username: "green" });

		expect(options.username).toBe("app");
		expect(listServerOptions(options)).toEqual([...listServerOptions(REPLICATED).slice(0, 2), SERVER]);
	});
});
