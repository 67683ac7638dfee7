/**
 * What the hook in front of a pool costs. One DataSource serves all sides, with the hook in place or taken away, so that they use the same connections
 * and the same server processes.
 */
import type { DataSource } from "typeorm";

import { TypeOrmAwsConnectorService } from "../src/connector/typeorm-aws-connector.service.js";
import { RotatorService } from "../src/rotation/rotator.service.js";
import { createSceneDatabase, type SceneServers } from "../test/support/rotating-database.js";
import { TYPEORM_VERSIONS, type TypeOrmVersion } from "../test/support/typeorm-versions.js";
import { compare, findMedian, measureSides, measureTimes, type Times } from "./sides.js";
import { formatDuration, formatRatio, type Result, type Row } from "./table.js";

const POOL_SIZE = 10;
const ROUND_COUNT = 101;
const WORKER_COUNTS = [1, POOL_SIZE];

interface Operation {
	readonly count: number;
	readonly kinds: readonly (keyof Times)[];
	readonly name: string;
	run(dataSource: DataSource): Promise<void>;
}

const OPERATIONS: readonly Operation[] = [
	{
		count: 1_000,
		// It waits for nothing, so its time is processor time.
		kinds: ["processorMs"],
		name: "acquire + release",
		run: async (dataSource) => {
			const runner = dataSource.createQueryRunner();
			await runner.connect();
			await runner.release();
		},
	},
	{
		count: 200,
		kinds: ["processorMs", "elapsedMs"],
		name: "SELECT 1",
		run: async (dataSource) => {
			await dataSource.query("SELECT 1");
		},
	},
];

const KIND_NAMES = { elapsedMs: "elapsed", processorMs: "processor" };

/** Runs the bench on the latest TypeORM of both major lines. */
export async function benchAcquireOverhead(servers: SceneServers): Promise<Result> {
	const rows: Row[] = [];
	for (const version of TYPEORM_VERSIONS.filter(({ label }) => label !== "0.3.20")) rows.push(...(await benchVersion(servers, version)));
	return {
		explanation: `With the hook ÷ without it; "control" is without it ÷ without it. A pool of ${String(POOL_SIZE)} connections.`,
		rows,
		title: "Cost of the hook",
	};
}

async function benchVersion(servers: SceneServers, version: TypeOrmVersion): Promise<Row[]> {
	const { config } = await createSceneDatabase(servers);
	const connector = new TypeOrmAwsConnectorService(undefined, undefined, {
		...config,
		poolSize: POOL_SIZE,
		rotation: { isEnabled: true },
	});
	const { DataSource } = version.load();
	const dataSource = await new DataSource(await connector.getTypeOrmOptions()).initialize();
	const driver = dataSource.driver as unknown as HookedDriver;
	const plain = driver.obtainMasterConnection;
	const rotator = new RotatorService(dataSource, undefined, connector, "bench");
	await rotator.onModuleInit();
	const hooked = driver.obtainMasterConnection;
	if (hooked === plain) throw new Error("There is no hook to measure");

	const rows: Row[] = [];
	for (const operation of OPERATIONS) {
		for (const workerCount of WORKER_COUNTS) {
			const turn = (obtain: HookedDriver["obtainMasterConnection"]) => async () => {
				driver.obtainMasterConnection = obtain;
				return measureEach(operation.count, workerCount, async () => operation.run(dataSource));
			};
			const turns = { control: turn(plain), hooked: turn(hooked), plain: turn(plain) };
			const measured = await measureSides(turns, { roundCount: ROUND_COUNT });
			const what = `${version.label}, ${operation.name}, ${String(workerCount)} at a time`;
			rows.push(...operation.kinds.map((kind) => describe(`${what}, ${KIND_NAMES[kind]} time`, kind, measured)));
		}
	}

	await rotator.onModuleDestroy();
	await rotator.onApplicationShutdown();
	connector.close();
	await dataSource.destroy();
	return rows;
}

interface HookedDriver {
	obtainMasterConnection: () => Promise<unknown>;
}

type Measured = Readonly<Record<"control" | "hooked" | "plain", readonly Times[]>>;

function describe(what: string, kind: keyof Times, measured: Measured): Row {
	const [control, hooked, plain] = [measured.control, measured.hooked, measured.plain].map((times) =>
		times.map((each) => each[kind]),
	) as [number[], number[], number[]];
	return {
		note: `${formatDuration(findMedian(hooked))} against ${formatDuration(findMedian(plain))}; control ${formatRatio(compare(control, plain))}`,
		ratio: compare(hooked, plain),
		what,
	};
}

/** Times for each of `operationCount` operations, of which `workerCount` run at a time. */
async function measureEach(operationCount: number, workerCount: number, operate: () => Promise<void>): Promise<Times> {
	const work = async (): Promise<void> => {
		for (let turn = 0; turn < operationCount / workerCount; turn += 1) await operate();
	};
	const { elapsedMs, processorMs } = await measureTimes(async () => {
		await Promise.all(Array.from({ length: workerCount }, work));
	});
	return { elapsedMs: elapsedMs / operationCount, processorMs: processorMs / operationCount };
}
