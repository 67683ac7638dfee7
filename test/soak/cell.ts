/** The process of one cell: an application under load that is told when to rotate, and what it looks like from inside afterwards. */
import { Logger } from "@nestjs/common";
import type { DataSource } from "typeorm";

import { RotatorService, TypeOrmAwsConnectorService } from "../../src/index.js";
import { listServerOptions, toLooseOptions } from "../../src/drivers/loose-options.js";
import { createLedger, type LedgerReport, readLedger, startLedgerWorkload } from "../support/ledger-workload.js";
import { TYPEORM_VERSIONS } from "../support/typeorm-versions.js";
import { waitUntil } from "../support/wait-until.js";
import type { SoakReport, SoakSetup } from "./cells.js";
import { searchHeap } from "./heap-search.js";

const WORKER_COUNT = 12;
const HEAP_SAMPLE_COUNT = 20;
/** Idle connections are closed so soon that logins happen all the time, also in the middle of a window. */
const IDLE_TIMEOUT_MS = 15;

const collectGarbage = (globalThis as { gc?: () => void }).gc;
const setup = JSON.parse(process.argv[2] as string) as SoakSetup;
Logger.overrideLogger(false);
void run(setup);

async function run({ awsUrl, cell, database, host, poolSize, port, replica, secretId }: SoakSetup): Promise<void> {
	const listenersBefore = listProcessListeners();
	const connector = new TypeOrmAwsConnectorService(undefined, undefined, {
		aws: {
			credentials: { accessKeyId: "AKIATESTACCESSKEY", secretAccessKey: "test-secret-access-key" },
			endpoint: awsUrl,
			region: "eu-west-1",
		},
		databaseName: database,
		entities: [],
		host,
		idleTimeoutMs: IDLE_TIMEOUT_MS,
		poolSize,
		port,
		rotation: { intervalMs: 3_600_000, isEnabled: true },
		secretId,
		type: cell.engine,
		...(replica === undefined ? {} : { replicas: [replica] }),
	});
	const version = TYPEORM_VERSIONS.find(({ label }) => label === cell.typeorm);
	if (version === undefined) throw new Error(`No TypeORM ${cell.typeorm}`);
	const { DataSource: VersionDataSource } = version.load();
	const dataSource: DataSource = await new VersionDataSource(await connector.getTypeOrmOptions()).initialize();
	await createLedger(dataSource);
	const rotator = new RotatorService(dataSource, undefined, connector, "db-rotation:soak");
	await rotator.onModuleInit();
	const workload = startLedgerWorkload(dataSource, { isCountingOnly: true, workerCount: WORKER_COUNT });

	const heapSamples: [rotation: number, bytes: number][] = [];
	const sampleEvery = Math.max(1, Math.floor(cell.rotationCount / HEAP_SAMPLE_COUNT));
	let rotationCount = 0;

	const rotate = async (): Promise<void> => {
		const result = await rotator.rotateDatabaseConnection();
		rotationCount += 1;
		if (rotationCount % sampleEvery === 0) {
			collectGarbage?.();
			heapSamples.push([rotationCount, process.memoryUsage().heapUsed]);
		}
		process.send?.(result.outcome === "failed" ? describeFailure(result.error) : "");
	};
	const finish = async (): Promise<void> => {
		// A replica follows its primary by itself: it takes a new password when the change has reached it.
		await waitUntil("every server has the last credentials", () =>
			listServerOptions(toLooseOptions(dataSource.options)).every(({ password }) =>
				String(password).endsWith(`-${String(rotationCount)}-password`),
			),
		);
		const report = await workload.stop();
		const storedCount = (await readLedger(dataSource)).length;
		await rotator.onModuleDestroy();
		rotator.beforeApplicationShutdown();
		await Promise.all([rotator.onApplicationShutdown(), dataSource.destroy()]);
		connector.close();
		process.send?.(await describe(report, storedCount));
		process.disconnect();
	};
	const describe = async (report: LedgerReport, storedCount: number): Promise<SoakReport> => {
		const leftovers = [...(await listLeftovers()), ...listProcessListeners().slice(listenersBefore.length)];
		await settleHeap();
		const isRetired = (version: string): boolean => Number(version) < rotationCount;
		const { foundCount, retainers, snapshotFile } = await searchHeap(new RegExp(`canary-${cell.id}-(\\d+)-password`, "g"), isRetired);
		return {
			acknowledgedCount: report.acknowledgedCount,
			failedCount: report.failures.length,
			firstFailure: report.failures[0]?.message,
			heapSlopeBytes: fitSlope(heapSamples.slice(Math.ceil(heapSamples.length / 5))),
			leftovers,
			operationCount: report.operationCount,
			retainers,
			retiredSecretCount: foundCount,
			snapshotFile,
			storedCount,
			unknownCount: report.unknown.length,
		};
	};

	process.on("message", (message) => void (message === "finish" ? finish() : rotate()));
	process.send?.("ready");
}

function describeFailure(error: Error): string {
	return error.cause instanceof Error ? `${error.message} ${error.cause.message}` : error.message;
}

/** One name for each listener of the process; the soak's own, for its parent's messages, is left out. */
function listProcessListeners(): string[] {
	const names = process.eventNames().filter((name) => name !== "message");
	return names.flatMap((name) => Array.from({ length: process.listenerCount(name) }, () => `listener for ${String(name)}`));
}

/** What is still there when everything was closed. Its own pipe to the parent is not counted, and closing sockets get a moment. */
async function listLeftovers(): Promise<string[]> {
	await new Promise((resolve) => setTimeout(resolve, 500));
	const own = new Set(["Pipe", "PipeWrap", "TTYWrap", "Timeout", "FSReqCallback"]);
	return process.getActiveResourcesInfo().filter((name) => !own.has(name));
}

async function settleHeap(): Promise<void> {
	for (let round = 0; round < 3; round += 1) {
		await new Promise((resolve) => setTimeout(resolve, 50));
		collectGarbage?.();
	}
}

/** Least squares. */
function fitSlope(samples: readonly (readonly [number, number])[]): number {
	if (samples.length < 2) return 0;
	const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
	const meanX = mean(samples.map(([x]) => x));
	const meanY = mean(samples.map(([, y]) => y));
	const covariance = mean(samples.map(([x, y]) => (x - meanX) * (y - meanY)));
	const variance = mean(samples.map(([x]) => (x - meanX) ** 2));
	return Math.round(covariance / variance);
}
