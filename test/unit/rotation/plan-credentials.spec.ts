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

		it.each([{ host: "elsewhere" }, { port: 6_432 }, { username: "green" }, { password: "two" }, { ssl: {} }])(
			"follows a change of %j alone",
			(change) => {
				const plan = planCredentials(serve(SERVED), serve({ ...SERVED, ...change }));

				expect(plan.isUnchanged).toBe(false);
				expect(plan.options).toMatchObject({ ...SERVED, ...change });
			},
		);

		it("is unchanged when all of them are as they were", () => {
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
			["ssl", { ca: "authority" }],
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

	describe("for replicas that the connector has", () => {
		type Served = typeof SERVED;
		const REPLICA = { ...SERVED, host: "reader-1" };
		const OWN_LOGIN = { ...SERVED, host: "reader-2", password: "r1", username: "reader" };

		/** Options as a connector with replicas makes them. */
		function serveAll(master: Served, slaves: readonly Served[], changes: object = {}): DataSourceOptions {
			const mark = { [CONNECTOR_ORIGIN]: new ConnectorOrigin("id-1", "default", master, slaves) };
			const replication = { defaultMode: "slave", master, slaves };
			return { type: "postgres", ...master, ...mark, replication, ...changes } as unknown as DataSourceOptions;
		}

		it("gives each server what the connector has for it", () => {
			const fresh = serveAll(RENEWED, [
				{ ...RENEWED, host: "reader-1" },
				{ ...OWN_LOGIN, host: "moved", password: "r2" },
			]);

			const plan = planCredentials(serveAll(SERVED, [REPLICA, OWN_LOGIN]), fresh);

			expect(plan.isUnchanged).toBe(false);
			expect(plan.master).toEqual(RENEWED);
			expect(plan.slaves).toEqual([
				{ ...RENEWED, host: "reader-1" },
				{ ...OWN_LOGIN, host: "moved", password: "r2" },
			]);
			expect(plan.options.replication).toEqual({ defaultMode: "slave", master: plan.master, slaves: plan.slaves });
		});

		it("renews the master's login beside the replication, too", () => {
			const plan = planCredentials(serveAll(SERVED, [REPLICA]), serveAll(RENEWED, [REPLICA]));

			expect(plan.options).toMatchObject({ password: "two", username: "green" });
		});

		it("follows a stand-in that says it of each server, and nothing beside them", () => {
			const live = plain({ database: "shop", replication: { master: SERVED, slaves: [REPLICA] } });
			const fresh = plain({ database: "shop", replication: { master: RENEWED, slaves: [{ ...REPLICA, password: "r2" }] } });

			const plan = planCredentials(live, fresh);

			expect([plan.master, ...plan.slaves]).toEqual([RENEWED, { ...REPLICA, password: "r2" }]);
		});

		it("is unchanged when every server is as it was", () => {
			expect(planCredentials(serveAll(SERVED, [REPLICA, OWN_LOGIN]), serveAll(SERVED, [REPLICA, OWN_LOGIN])).isUnchanged).toBe(true);
		});

		it.each([{ host: "moved" }, { port: 6_432 }, { username: "other" }, { password: "r2" }])(
			"sees a change of %j of one replica alone",
			(change) => {
				const plan = planCredentials(
					serveAll(SERVED, [REPLICA, OWN_LOGIN]),
					serveAll(SERVED, [REPLICA, { ...OWN_LOGIN, ...change }]),
				);

				expect(plan.isUnchanged).toBe(false);
				expect(plan.slaves).toEqual([REPLICA, { ...OWN_LOGIN, ...change }]);
			},
		);

		it("keeps what the user put on top of one server, in the rotation after the next, too", () => {
			const slaves = [{ ...REPLICA, host: "127.0.0.1", ssl: true }, OWN_LOGIN];
			const live = serveAll(SERVED, [REPLICA, OWN_LOGIN], {
				replication: { canRetry: true, master: { ...SERVED, port: 15_432 }, slaves },
			});
			const first = planCredentials(live, serveAll(RENEWED, [{ ...RENEWED, host: "moved" }, OWN_LOGIN]));

			const second = planCredentials(
				first.options as unknown as DataSourceOptions,
				serveAll({ ...SERVED, password: "three" }, [
					{ ...SERVED, host: "moved again", password: "three" },
					{ ...OWN_LOGIN, password: "r3" },
				]),
			);

			expect(second.options.replication).toEqual({
				canRetry: true,
				master: { ...SERVED, password: "three", port: 15_432 },
				slaves: [
					{ ...SERVED, host: "127.0.0.1", password: "three", ssl: true },
					{ ...OWN_LOGIN, password: "r3" },
				],
			});
		});

		it("renews one server where the user does without the replicas", () => {
			const live = serveAll(SERVED, [REPLICA], { replication: undefined });

			const plan = planCredentials(live, serveAll(RENEWED, [REPLICA]));

			expect(plan.master).toMatchObject(RENEWED);
			expect(plan.slaves).toEqual([]);
			expect(plan.options.replication).toBeUndefined();
		});

		it.each([
			[[], 0],
			[[REPLICA, OWN_LOGIN], 2],
		])("refuses another number of them", (slaves, count) => {
			const act = (): unknown => planCredentials(serveAll(SERVED, slaves), serveAll(SERVED, [REPLICA]));

			expect(act).toThrow(RotationUnsupportedError);
			expect(act).toThrow(`its options have ${String(count)} replicas and the connector has 1; give all of them in "replicas"`);
		});

		it("refuses another database", () => {
			const act = (): unknown => planCredentials(serveAll(SERVED, [REPLICA]), serveAll({ ...SERVED, database: "store" }, [REPLICA]));

			expect(act).toThrow('it is connected to database "shop" and the configuration now says "store"; restart the application');
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
