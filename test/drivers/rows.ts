/** What has to hold on every driver: an exchange under load, and many callers after a disconnect with a changed password. */
import type { DataSource, DataSourceOptions } from "typeorm";

import { readLedger, startLedgerWorkload } from "../support/ledger-workload.js";
import { startLoginProxy } from "../support/login-proxy.js";
import { CALLER_COUNT, playOutage, POOL_SIZE } from "../support/outage.js";
import { type SceneServers, startScene } from "../support/rotating-database.js";
import type { DatabaseServer } from "../support/server/database-server.js";
import { TYPEORM_VERSIONS, type TypeOrmVersion } from "../support/typeorm-versions.js";
import { waitUntil } from "../support/wait-until.js";
import type { InstalledDriver } from "./install-driver.js";

const LOGIN_DELAY_MS = 30;
const ROTATION_COUNT = 3;
const WORKER_COUNT = 16;
const REFUSED_LIMIT = 2;
const SECRET_DELAY_MS = 50;
const EXCHANGE_LIMIT_MS = 30_000;
/** No rotation but those of the row. */
const ROTATION = { intervalMs: 3_600_000, isEnabled: true };

/** Where a row runs. */
export interface RowSetup {
	readonly driver: InstalledDriver["driver"];
	readonly servers: SceneServers<DatabaseServer>;
	readonly typeorm: string;
}

/** One row; resolves with what does not hold. */
export type Row = (setup: RowSetup) => Promise<string[]>;

/** All of them, by name. */
export const ROWS: Readonly<Record<string, Row>> = { "40 callers": recover, "exchange under load": exchange };

/** Users alternate under load: no operation fails, nothing is lost, and there is one socket more than the pool may have at most. */
async function exchange({ driver, servers, typeorm }: RowSetup): Promise<string[]> {
	const proxy = await startLoginProxy({ loginDelayMs: LOGIN_DELAY_MS, target: servers.server });
	const scene = await startScene(servers, {
		config: { poolSize: POOL_SIZE, rotation: ROTATION },
		endpoint: proxy,
		override: withDriver(driver),
		version: findVersion(typeorm),
	});
	try {
		const faults: string[] = isDriverUsed(scene.dataSource, driver) ? [] : ["TypeORM uses another driver"];
		const workload = startLedgerWorkload(scene.dataSource, { workerCount: WORKER_COUNT });
		for (let rotation = 0; rotation < ROTATION_COUNT; rotation += 1) {
			const { username: former } = scene.current();
			await scene.alternate();
			const { outcome } = await scene.rotator.rotateDatabaseConnection();
			if (outcome !== "rotated") faults.push(`a rotation ended as "${outcome}"`);
			await waitUntil(
				"the former user has no connection",
				async () => (await scene.server.connections(former)).length === 0,
				EXCHANGE_LIMIT_MS,
			);
		}
		const { acknowledged, failures, operationCount, unknown } = await workload.stop();
		const storedCount = (await readLedger(scene.dataSource)).length;
		if (operationCount === 0) faults.push("the load did nothing");
		if (failures.length > 0) faults.push(`${failures.length} operations failed: ${String(failures[0])}`);
		if (acknowledged.length + unknown.length !== storedCount) faults.push(`${acknowledged.length} acknowledged, ${storedCount} stored`);
		if (proxy.peakCount > POOL_SIZE + 1) faults.push(`${proxy.peakCount} sockets with a pool of ${POOL_SIZE}`);
		if (proxy.peakCount < POOL_SIZE) faults.push(`no load: ${proxy.peakCount} sockets`);
		return faults;
	} finally {
		await scene.stop();
		await proxy.stop();
	}
}

/** All connections are cut and the password is another one: few logins are refused, and every caller is served. */
async function recover({ driver, servers, typeorm }: RowSetup): Promise<string[]> {
	const scene = await startScene(servers, {
		config: { poolSize: POOL_SIZE, rotation: ROTATION },
		override: withDriver(driver),
		version: findVersion(typeorm),
	});
	try {
		const outage = { callers: "after", hasWrongPending: false, rightAfterMs: SECRET_DELAY_MS } as const;
		const { failures, lastMs, refusedCount } = await playOutage(scene, outage);
		return [
			...(failures.length === 0 ? [] : [`${failures.length} of ${CALLER_COUNT} callers failed: ${String(failures[0])}`]),
			...(Number.isFinite(lastMs) ? [] : ["not every caller was answered"]),
			...(refusedCount <= REFUSED_LIMIT ? [] : [`${refusedCount} refused logins`]),
			...(refusedCount > 0 ? [] : ["the password was not changed"]),
		];
	} finally {
		await scene.stop();
	}
}

function withDriver(driver: object): (options: DataSourceOptions) => DataSourceOptions {
	return (options) => ({ ...options, driver });
}

function isDriverUsed({ driver: typeOrmDriver }: DataSource, driver: object): boolean {
	const { mysql, postgres } = typeOrmDriver as unknown as { readonly mysql?: object; readonly postgres?: object };
	return (mysql ?? postgres) === driver;
}

function findVersion(label: string): TypeOrmVersion {
	const version = TYPEORM_VERSIONS.find((each) => each.label === label);
	if (version === undefined) throw new Error(`TypeORM ${label} is not installed`);
	return version;
}
