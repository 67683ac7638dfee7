/** The process of one cell: an application under load that is told when to rotate, and what it looks like from inside afterwards. */
import { createReadStream, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { writeHeapSnapshot } from "node:v8";

import { Logger } from "@nestjs/common";
import type { DataSource } from "typeorm";

import { TypeOrmAwsConnectorService } from "../../src/connector/typeorm-aws-connector.service.js";
import { RotatorService } from "../../src/rotation/rotator.service.js";
import { createLedger, type LedgerReport, readLedger, startLedgerWorkload } from "../support/ledger-workload.js";
import { TYPEORM_VERSIONS } from "../support/typeorm-versions.js";
import type { SoakReport, SoakSetup } from "./cells.js";

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
	const sockets = watchSockets(replica === undefined ? [port] : [port, replica.port]);
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
		const report = await workload.stop();
		const storedCount = (await readLedger(dataSource)).length;
		await rotator.onModuleDestroy();
		rotator.beforeApplicationShutdown();
		await Promise.all([rotator.onApplicationShutdown(), dataSource.destroy()]);
		connector.close();
		process.send?.(await describe(report, storedCount));
		process.disconnect();
	};
	const describe = async (report: LedgerReport, storedCount: number): Promise<SoakReport> => ({
		acknowledgedCount: report.acknowledgedCount,
		failedCount: report.failures.length,
		firstFailure: report.failures[0]?.message,
		heapSlopeBytes: fitSlope(heapSamples.slice(Math.ceil(heapSamples.length / 5))),
		leftovers: [...(await listLeftovers(sockets)), ...listProcessListeners().slice(listenersBefore.length)],
		operationCount: report.operationCount,
		peakSocketCounts: [...sockets.values()].map(({ peakCount }) => peakCount),
		retiredSecretCount: await countRetiredSecrets(cell.id, rotationCount),
		storedCount,
		unknownCount: report.unknown.length,
	});

	process.on("message", (message) => void (message === "finish" ? finish() : rotate()));
	process.send?.("ready");
}

function describeFailure(error: Error): string {
	return error.cause instanceof Error ? `${error.message} ${error.cause.message}` : error.message;
}

interface SocketWatch {
	openCount: number;
	peakCount: number;
}

/**
 * Counts the sockets to each port from the moment they begin to connect until this side has said its last word on them: drivers close idle connections by
 * themselves, and the moment until the server agrees is no connection that it has to serve.
 */
function watchSockets(ports: readonly number[]): ReadonlyMap<number, SocketWatch> {
	const watches = new Map(ports.map((port) => [port, { openCount: 0, peakCount: 0 }]));
	const prototype = net.Socket.prototype as { connect: (this: net.Socket, ...connectArguments: unknown[]) => net.Socket };
	const { connect } = prototype;
	prototype.connect = function countingConnect(...connectArguments) {
		const watch = watches.get(findPort(connectArguments));
		if (watch !== undefined) {
			watch.openCount += 1;
			watch.peakCount = Math.max(watch.peakCount, watch.openCount);
			let isOpen = true;
			const leave = (): void => {
				if (isOpen) watch.openCount -= 1;
				isOpen = false;
			};
			this.once("finish", leave).once("close", leave);
		}
		return connect.apply(this, connectArguments);
	};
	return watches;
}

/** The port among the arguments of `connect`: the first of them, or in an object or in the list that `net.connect` makes of them. */
function findPort([first]: readonly unknown[]): number {
	if (Array.isArray(first)) return findPort(first);
	return Number(typeof first === "object" && first !== null ? (first as { port?: unknown }).port : first);
}

/** One name for each listener of the process; the soak's own, for its parent's messages, is left out. */
function listProcessListeners(): string[] {
	const names = process.eventNames().filter((name) => name !== "message");
	return names.flatMap((name) => Array.from({ length: process.listenerCount(name) }, () => `listener for ${String(name)}`));
}

/** What is still there when everything was closed. Its own pipe to the parent is not counted, and closing sockets get a moment. */
async function listLeftovers(sockets: ReadonlyMap<number, SocketWatch>): Promise<string[]> {
	await new Promise((resolve) => setTimeout(resolve, 500));
	const own = new Set(["Pipe", "PipeWrap", "TTYWrap", "Timeout", "FSReqCallback"]);
	const handles = process.getActiveResourcesInfo().filter((name) => !own.has(name));
	const openCount = [...sockets.values()].reduce((sum, watch) => sum + watch.openCount, 0);
	return [...handles, ...(openCount === 0 ? [] : [`${String(openCount)} sockets to the database`])];
}

async function countRetiredSecrets(cellId: string, lastVersion: number): Promise<number> {
	for (let round = 0; round < 3; round += 1) {
		await new Promise((resolve) => setTimeout(resolve, 50));
		collectGarbage?.();
	}
	const folder = await mkdtemp(path.join(tmpdir(), "soak-"));
	const file = writeHeapSnapshot(path.join(folder, "end.heapsnapshot"));
	const retired = new Set<number>();
	const pattern = new RegExp(`canary-${cellId}-(\\d+)-password`, "g");
	let rest = "";
	for await (const chunk of createReadStream(file, { encoding: "latin1", highWaterMark: 1 << 22 }) as AsyncIterable<string>) {
		const text = rest + chunk;
		for (const [, version] of text.matchAll(pattern)) {
			if (Number(version) < lastVersion) retired.add(Number(version));
		}
		rest = text.slice(-200);
	}
	rmSync(folder, { force: true, recursive: true });
	return retired.size;
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
