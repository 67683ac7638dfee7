/** A login can be read, but not by accident. */
import { format, inspect } from "node:util";
import { Credentials } from "../../../src/credentials/credentials-provider.js";

const credentials = new Credentials({ password: " canary ", username: "app" }, "v1");

describe("Credentials", () => {
	it("gives user name, password and version as they were put in", () => {
		const { password, username, versionId } = credentials;

		expect({ password, username, versionId }).toEqual({ password: " canary ", username: "app", versionId: "v1" });
	});

	it.each([
		["inspect", () => inspect(credentials, { depth: 10, getters: true, showHidden: true })],
		["inspect without custom inspection", () => inspect(credentials, { customInspect: false, showHidden: true })],
		["JSON", () => JSON.stringify({ credentials })],
		["format", () => format("%o %O %s", credentials, credentials, credentials)],
		["a copy", () => inspect({ ...credentials })],
		["a clone", () => inspect(structuredClone(credentials))],
	])("does not show the password in %s", (_, print) => {
		expect(print()).not.toContain("canary");
	});

	it("shows whose login it is", () => {
		expect(JSON.parse(JSON.stringify(credentials))).toEqual({ password: "[hidden]", username: "app", versionId: "v1" });
		expect(inspect(credentials)).toBe("Credentials { password: '[hidden]', username: 'app', versionId: 'v1' }");
	});
});
