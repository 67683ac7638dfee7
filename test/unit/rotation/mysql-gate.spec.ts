/** The gate and a rotation on pools of mysql2, whose connections are lost without a word and whose clusters lose nodes. */
import * as mysql2 from "mysql2";
import type { DataSource, DataSourceOptions } from "typeorm";

import { EventChannel } from "../../../src/events/event-channel.js";
import { AcquireGate } from "../../../src/rotation/acquire-gate.js";
import type { ConnectionPool } from "../../../src/rotation/connection-pool.js";
import { Drain } from "../../../src/rotation/drain-pools.js";
import { listPools } from "../../../src/rotation/driver-family.js";
import { LiveDataSource } from "../../../src/rotation/live-data-source.js";
import { RefusedLogins } from "../../../src/rotation/refused-logins.js";
import { DEFAULT_ROTATION_DEADLINES, runRotationCycle } from "../../../src/rotation/rotation-cycle.js";
import { FakeClock } from "../../support/fake-clock.js";
import { FakeMysqlServer } from "../../support/fake-mysql-server.js";
import { TYPEORM_VERSIONS } from "../../support/typeorm-versions.js";

const NODE = { database: "shop", host: "db", password: "one", port: 3_306, username: "app" };

type Obtain = () => Promise<mysql2.PoolConnection>;

interface GatedPool {
	readonly dataSource: DataSource;
	readonly events: EventChannel;
	readonly gate: AcquireGate;
	readonly live: LiveDataSource;
	readonly obtain: Obtain;
}

let clock: FakeClock;
let server: FakeMysqlServer;

beforeEach(() => {
	clock = new FakeClock();
	server = new FakeMysqlServer(clock, { app: "one" });
});

async function pass(durationMs: number): Promise<void> {
	await clock.advance(durationMs);
	await server.settle();
}

/** A DataSource whose every connection is one to the fake server, behind a gate. */
async function start(version: (typeof TYPEORM_VERSIONS)[number], options: object): Promise<GatedPool> {
	const { DataSource: VersionDataSource } = version.load();
	const extra = { stream: (): unknown => server.accept() };
	const own = {
		connectorPackage: "mysql2",
		connectTimeout: 0,
		driver: mysql2,
		entities: [],
		extra,
		poolSize: 3,
		type: "mysql",
		...options,
	};
	const dataSource = await new VersionDataSource(own as unknown as DataSourceOptions).initialize();
	const events = new EventChannel("default");
	const live = new LiveDataSource(dataSource);
	const gate = new AcquireGate({ clock, events, live, onRefusal: () => undefined, random: () => 0 });
	const driver = dataSource.driver as unknown as { obtainMasterConnection: Obtain };
	return { dataSource, events, gate, live, obtain: async () => driver.obtainMasterConnection() };
}

describe.each(TYPEORM_VERSIONS)("on TypeORM $label", (version) => {
	it("the permit of a lent connection that was lost before a promotion comes back with it, while another stays lent", async () => {
		const { dataSource, events, gate, live, obtain } = await start(version, NODE);
		const loans: mysql2.PoolConnection[] = [];
		for (let count = 0; count < 3; count += 1) {
			const obtaining = obtain();
			await pass(200);
			loans.push(await obtaining);
		}
		// As by KILL or wait_timeout, while their borrowers are busy elsewhere.
		for (const lost of loans.slice(1)) (lost as unknown as { stream: { peer: { destroy(): void } } }).stream.peer.destroy();
		await pass(1);
		const options = { ...(dataSource.options as object) } as never;
		const opening = Promise.all(
			live.openPools({ isUnchanged: false, master: options, options, slaves: [] }, () => undefined).map(async (open) => open()),
		);
		await pass(1);
		const [staged] = (await opening) as [ConnectionPool];
		const retired = listPools(live.readPools());
		live.exchangePools({ master: staged, slaves: [] }, options);
		const settle = gate.promote({ master: staged, slaves: [] });
		const drain = new Drain(retired, { clock, deadlineMs: 60_000, events, generation: 1, releaseAbandoned: () => undefined });
		void drain.done.then(settle);

		for (const lost of loans.slice(1)) lost.release();
		await pass(5_000);

		expect(gate.heldCount).toBe(1);
		drain.force();
		await pass(5_000);
		expect(gate.heldCount).toBe(0);
		gate.uninstall();
	});

	it("a rotation replaces a cluster that has lost its master, and whoever waited is served", async () => {
		const replication = { canRetry: false, master: NODE, removeNodeErrorCount: 1, slaves: [{ ...NODE, host: "reader" }] };
		const { dataSource, events, gate, live, obtain } = await start(version, { replication });
		server.passwords.set("app", "two");
		server.cutConnections();
		await pass(1);
		const waiting = obtain();
		await pass(1);
		const next = { ...NODE, password: "two" };
		const options = { ...dataSource.options, replication: { ...replication, master: next, slaves: [{ ...next, host: "reader" }] } };

		const rotating = runRotationCycle({
			clock,
			connector: {
				getRotationConfig: () => ({ intervalMs: 1, isEnabled: true }),
				getTypeOrmOptions: async () => Promise.resolve(options as DataSourceOptions),
			},
			deadlines: DEFAULT_ROTATION_DEADLINES,
			enter: () => undefined,
			events,
			gate,
			isLivePending: false,
			isLiveReadOnly: undefined,
			isLiveRefused: true,
			live,
			refused: new RefusedLogins(clock),
			signal: new AbortController().signal,
			unverified: [],
		});
		for (let turn = 0; turn < 20; turn += 1) await pass(20);
		const { outcome } = await rotating;
		await pass(1_000);

		expect(outcome).toBe("rotated");
		(await waiting).release();
		gate.uninstall();
		await Promise.all([dataSource.destroy(), pass(1_000)]);
		await pass(1_000);
		expect(server.openCount).toBe(0);
	});
});
