/** Fresh credentials go where the connector's own were; what the user put there stays. */
import type { DataSourceOptions } from "typeorm";

import { CONNECTOR_ORIGIN, ConnectorOrigin, readOrigin } from "../../../src/connector/connector-origin.js";
import { RotationUnsupportedError } from "../../../src/errors/errors.js";
import { planCredentials, toLooseOptions } from "../../../src/rotation/plan-credentials.js";

const SERVED = { database: "shop", host: "db", password: "one", port: 5_432, username: "blue" };
const RENEWED = { database: "shop", host: "db", password: "two", port: 5_432, username: "green" };

/** Options as a connector makes them, mark included. */
function serve(values: typeof SERVED, changes: object = {}): DataSourceOptions {
	const mark = { [CONNECTOR_ORIGIN]: new ConnectorOrigin("id-1", "default", values) };
	return { type: "postgres", ...values, ...mark, ...changes } as unknown as DataSourceOptions;
}

/** Options of a stand-in that knows of no mark. */
function plain(values: object): DataSourceOptions {
	return { type: "postgres", ...values } as unknown as DataSourceOptions;
}

describe("planCredentials", () => {
	describe("for a single server", () => {
		it("renews user and password", () => {
			const plan = planCredentials(serve(SERVED), serve(RENEWED));

			expect(plan.isUnchanged).toBe(false);
			expect(plan.options).toMatchObject({ password: "two", username: "green" });
			expect(plan.slaves).toEqual([]);
		});

		it("logs in with what the options say", () => {
			const plan = planCredentials(serve(SERVED), serve(RENEWED));

			expect(plan.master).toMatchObject({ host: "db", password: "two", port: 5_432, username: "green" });
		});

		it.each([{ host: "elsewhere" }, { port: 6_432 }, { username: "green" }, { password: "two" }])(
			"follows a change of %j alone",
			(change) => {
				const plan = planCredentials(serve(SERVED), serve({ ...SERVED, ...change }));

				expect(plan.isUnchanged).toBe(false);
				expect(plan.options).toMatchObject({ ...SERVED, ...change });
			},
		);

		it("is unchanged when all four are as they were", () => {
			expect(planCredentials(serve(SERVED), serve({ ...SERVED })).isUnchanged).toBe(true);
		});

		it("is unchanged when only settings changed that a pool swap does not follow", () => {
			const plan = planCredentials(serve(SERVED, { poolSize: 5 }), serve(SERVED, { poolSize: 9 }));

			expect(plan.isUnchanged).toBe(true);
			expect(plan.options).toMatchObject({ poolSize: 5 });
		});

		it("keeps every other option, and the objects in them", () => {
			const entities = [class Ledger {}];
			const plan = planCredentials(serve(SERVED, { entities, schema: "app" }), serve(RENEWED, { entities: [], schema: "other" }));

			expect(plan.options).toMatchObject({ schema: "app" });
			expect((plan.options as unknown as { entities: unknown }).entities).toBe(entities);
		});

		it("changes neither of the options it is given", () => {
			const live = Object.freeze(serve(SERVED));
			const fresh = Object.freeze(serve(RENEWED));

			const plan = planCredentials(live, fresh);

			expect(plan.options).not.toBe(live);
			expect(live).toMatchObject(SERVED);
			expect(fresh).toMatchObject(RENEWED);
		});

		it("keeps a value for which the fresh options have none", () => {
			const plan = planCredentials(plain({ ...SERVED }), plain({ database: "shop", password: "two", username: "green" }));

			expect(plan.options).toMatchObject({ host: "db", password: "two", port: 5_432, username: "green" });
		});
	});

	describe("with the user's own overrides", () => {
		it.each([
			["host", "127.0.0.1"],
			["password", "own"],
			["port", 15_432],
			["username", "me"],
		])("keeps the %s that the user put on top", (key, value) => {
			const plan = planCredentials(serve(SERVED, { [key]: value }), serve({ ...RENEWED, host: "moved", port: 6_432 }));

			expect(plan.options).toMatchObject({ ...RENEWED, host: "moved", port: 6_432, [key]: value });
		});

		it("is unchanged when all that changed is overridden", () => {
			const plan = planCredentials(serve(SERVED, { host: "127.0.0.1" }), serve({ ...SERVED, host: "moved" }));

			expect(plan.isUnchanged).toBe(true);
		});

		it("keeps them in the rotation after the next, too", () => {
			const first = planCredentials(serve(SERVED, { host: "127.0.0.1" }), serve({ ...RENEWED, host: "moved" }));
			const third = { ...SERVED, host: "moved again", password: "three" };

			const second = planCredentials(first.options as unknown as DataSourceOptions, serve(third));

			expect(second.options).toMatchObject({ host: "127.0.0.1", password: "three", username: "blue" });
		});

		it("renews everything when a stand-in without a mark made the live options", () => {
			const plan = planCredentials(plain({ ...SERVED, host: "127.0.0.1" }), plain(RENEWED));

			expect(plan.options).toMatchObject(RENEWED);
		});
	});

	describe("the mark of the connector", () => {
		it("is that of the fresh options", () => {
			const fresh = serve(RENEWED);

			const plan = planCredentials(serve(SERVED), fresh);

			expect(readOrigin(plan.options as unknown as DataSourceOptions)).toBe(readOrigin(fresh));
		});

		it("is not invented where there is none", () => {
			const plan = planCredentials(plain(SERVED), plain(RENEWED));

			expect(Object.getOwnPropertySymbols(plan.options)).toEqual([]);
		});
	});

	describe("for replicas", () => {
		const node = { password: "one", port: 5_432, username: "blue" };
		const replication = {
			master: { ...node, host: "db" },
			selector: "RR",
			slaves: [
				{ ...node, host: "reader-1" },
				{ ...node, host: "reader-2" },
			],
		};

		it("renews each node and keeps the addresses that are the user's own", () => {
			const plan = planCredentials(serve(SERVED, { replication }), serve({ ...RENEWED, host: "moved" }));

			expect(plan.isUnchanged).toBe(false);
			expect(plan.master).toEqual({ host: "moved", password: "two", port: 5_432, username: "green" });
			expect(plan.slaves).toEqual([
				{ host: "reader-1", password: "two", port: 5_432, username: "green" },
				{ host: "reader-2", password: "two", port: 5_432, username: "green" },
			]);
		});

		it("puts the nodes into the options, beside what else is there", () => {
			const plan = planCredentials(serve(SERVED, { replication }), serve(RENEWED));

			expect(plan.options.replication).toEqual({ master: plan.master, selector: "RR", slaves: plan.slaves });
		});

		it("carries the mark of the fresh options", () => {
			const fresh = serve(RENEWED);

			const plan = planCredentials(serve(SERVED, { replication }), fresh);

			expect(readOrigin(plan.options as unknown as DataSourceOptions)).toBe(readOrigin(fresh));
		});

		it("is unchanged when no node changed", () => {
			expect(planCredentials(serve(SERVED, { replication }), serve(SERVED)).isUnchanged).toBe(true);
		});

		it.each([0, 1])("sees that one replica alone lags behind, wherever it stands (%d)", (index) => {
			const renewed = { ...node, password: "two" };
			const slaves = [renewed, renewed].map((slave, position) => (position === index ? node : slave));
			const live = plain({ database: "shop", replication: { master: renewed, slaves } });

			const plan = planCredentials(live, plain({ database: "shop", password: "two", username: "blue" }));

			expect(plan.isUnchanged).toBe(false);
			expect(plan.slaves).toEqual([renewed, renewed]);
		});

		it("keeps a replica's own login", () => {
			const own = { ...replication, slaves: [{ ...node, host: "reader-1", password: "own", username: "reporting" }] };

			const plan = planCredentials(serve(SERVED, { replication: own }), serve(RENEWED));

			expect(plan.slaves).toEqual([{ host: "reader-1", password: "own", port: 5_432, username: "reporting" }]);
		});

		it("does not compare a database that the options do not have at the top", () => {
			const live = serve(SERVED, { database: undefined, replication });

			expect(() => planCredentials(live, serve(RENEWED))).not.toThrow();
		});
	});

	describe("refuses what a pool swap cannot follow", () => {
		it("another engine", () => {
			const act = (): unknown => planCredentials(serve(SERVED), serve(SERVED, { type: "mysql" }));

			expect(act).toThrow(RotationUnsupportedError);
			expect(act).toThrow(
				'The DataSource cannot be rotated: its type is "postgres" and the configuration now says "mysql"; restart the application.',
			);
		});

		it("another database", () => {
			const act = (): unknown => planCredentials(serve(SERVED), serve({ ...SERVED, database: "store" }));

			expect(act).toThrow(RotationUnsupportedError);
			expect(act).toThrow('it is connected to database "shop" and the configuration now says "store"; restart the application');
		});

		it("but not a database that the user chose", () => {
			const plan = planCredentials(serve(SERVED, { database: "copy" }), serve(RENEWED));

			expect(plan.options).toMatchObject({ database: "copy", password: "two" });
		});
	});
});

describe("toLooseOptions", () => {
	it("is the same object in another type", () => {
		const options = plain(SERVED);

		expect(toLooseOptions(options)).toBe(options);
	});
});
