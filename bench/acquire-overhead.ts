/**
 * Cost of acquire and release with this library, against plain TypeORM. Each side has a DataSource of its own with the same options,
 * in one process; `control` is a second plain one.
 */
import type { DataSource } from "typeorm";

import { RotatorService, TypeOrmAwsConnectorService } from "../src/index.js";
import { createSceneDatabase, type SceneServers } from "../test/support/rotating-database.js";
import type { DatabaseServer, EngineName } from "../test/support/server/database-server.js";
import type { TypeOrmVersion } from "../test/support/typeorm-versions.js";
import { ENGINE_TITLES, type EngineServers, VERSIONS } from "./engine-servers.js";
import { compare, findMedian, measureSides, measureTimes } from "./sides.js";
import { atMost, formatDuration, formatRatio, type Result, type Row } from "./table.js";

const POOL_SIZE = 10;
const ROUND_COUNT = 61;
const WORKER_COUNTS = [1, POOL_SIZE];

interface Operation {
	readonly count: number;
	/** Highest ratio by engine; absent where the figure is for orientation. */
	readonly goals: Partial<Readonly<Record<EngineName, number>>>;
	readonly name: string;
	run(dataSource: DataSource): Promise<void>;
}

const OPERATIONS: readonly Operation[] = [
	{
		count: 6_000,
		goals: { mariadb: 1.1, postgres: 1.05 },
		name: "acquire + release",
		run: async (dataSource) => {
			const runner = dataSource.createQueryRunner();
			await runner.connect();
			await runner.release();
		},
	},
	{
		count: 300,
		goals: {},
		name: "SELECT 1",
		run: async (dataSource) => {
			await dataSource.query("SELECT 1");
		},
	},
];

/** Runs the bench on both engines and the latest TypeORM of both major lines. */
export async function benchAcquireOverhead(servers: EngineServers): Promise<Result> {
	const rows = await servers.forEach(async (own) => {
		const ownRows: Row[] = [];
		for (const version of VERSIONS) ownRows.push(...(await benchVersion(own, version)));
		return ownRows;
	});
	return {
		explanation: `Processor time with this library ÷ plain TypeORM; control: plain ÷ plain. Pools of ${POOL_SIZE}, all connections idle.`,
		rows,
		title: "Cost of acquire and release",
	};
}

async function benchVersion(servers: SceneServers<DatabaseServer>, version: TypeOrmVersion): Promise<Row[]> {
	const { config, server } = await createSceneDatabase(servers);
	const connector = new TypeOrmAwsConnectorService(undefined, undefined, {
		...config,
		poolSize: POOL_SIZE,
		rotation: { intervalMs: 3_600_000, isEnabled: true },
	});
	const { DataSource } = version.load();
	const open = async (): Promise<DataSource> => new DataSource(await connector.getTypeOrmOptions()).initialize();
	const [plain, control, rotated] = [await open(), await open(), await open()];
	const rotator = new RotatorService(rotated, undefined, connector, "bench");
	await rotator.onModuleInit();

	const rows: Row[] = [];
	for (const operation of OPERATIONS) {
		for (const workerCount of WORKER_COUNTS) {
			const turn = (dataSource: DataSource) => async () =>
				measureEach(operation.count, workerCount, async () => operation.run(dataSource));
			const turns = { control: turn(control), plain: turn(plain), rotated: turn(rotated) };
			const measured = await measureSides(turns, { roundCount: ROUND_COUNT });
			const ratio = compare(measured.rotated, measured.plain);
			const bound = operation.goals[server.engine];
			rows.push({
				figure: formatRatio(ratio),
				...(bound === undefined ? {} : { goal: atMost(ratio.median, bound) }),
				note: [
					`${formatDuration(findMedian(measured.rotated))} against ${formatDuration(findMedian(measured.plain))}`,
					`control ${formatRatio(compare(measured.control, measured.plain))}`,
				].join("; "),
				what: `${ENGINE_TITLES[server.engine]}, ${version.label}, ${operation.name}, ${workerCount} at a time`,
			});
		}
	}

	await rotator.onModuleDestroy();
	await rotator.onApplicationShutdown();
	connector.close();
	await Promise.all([plain, control, rotated].map(async (dataSource) => dataSource.destroy()));
	return rows;
}

/** Milliseconds of processor time for each of `operationCount` operations, of which `workerCount` run at a time. */
async function measureEach(operationCount: number, workerCount: number, operate: () => Promise<void>): Promise<number> {
	const work = async (): Promise<void> => {
		for (let turn = 0; turn < operationCount / workerCount; turn += 1) await operate();
	};
	const { processorMs } = await measureTimes(async () => {
		await Promise.all(Array.from({ length: workerCount }, work));
	});
	return processorMs / operationCount;
}
