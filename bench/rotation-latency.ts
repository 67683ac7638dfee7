/** What callers notice of rotations: the latency of queries while the credentials change again and again, against the same load without. */
import { setTimeout as sleep } from "node:timers/promises";
import type { DataSource } from "typeorm";

import { type SceneServers, startScene } from "../test/support/rotating-database.js";
import { TYPEORM_VERSIONS, type TypeOrmVersion } from "../test/support/typeorm-versions.js";
import { compare, findMedian, findQuantile, measureSides } from "./sides.js";
import { formatDuration, type Result, type Row } from "./table.js";

const POOL_SIZE = 10;
const WORKER_COUNT = 16;
const LONGEST_PAUSE_MS = 5;
const ROTATION_INTERVAL_MS = 200;
const TURN_MS = 2_000;
const ROUND_COUNT = 7;
const PERCENTILES = { p50: 0.5, p99: 0.99 } as const;

/** Runs the bench on the latest TypeORM of both major lines. */
export async function benchRotationLatency(servers: SceneServers): Promise<Result> {
	const rows: Row[] = [];
	for (const version of TYPEORM_VERSIONS.filter(({ label }) => label !== "0.3.20")) rows.push(...(await benchVersion(servers, version)));
	return {
		explanation: `SELECT 1 by ${String(WORKER_COUNT)} workers through a pool of ${String(POOL_SIZE)}: a rotation every ${String(ROTATION_INTERVAL_MS)} ms ÷ no rotation. Failed queries: 0, or the bench fails.`,
		rows,
		title: "Latency during rotations",
	};
}

async function benchVersion(servers: SceneServers, version: TypeOrmVersion): Promise<Row[]> {
	const scene = await startScene(servers, { config: { poolSize: POOL_SIZE }, version });
	let rotationCount = 0;
	const rotate = async (): Promise<void> => {
		await scene.alternate();
		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		if (outcome !== "rotated") throw new Error(`The rotation ended as "${outcome}"`);
		rotationCount += 1;
	};

	const measured = await measureSides(
		{
			calm: async () => measureLatencies(scene.dataSource, async () => undefined),
			rotating: async () => measureLatencies(scene.dataSource, rotate),
		},
		{ roundCount: ROUND_COUNT },
	);
	await scene.stop();

	return Object.entries(PERCENTILES).map(([name, fraction]) => {
		const calmMs = measured.calm.map((latenciesMs) => findQuantile(latenciesMs, fraction));
		const rotatingMs = measured.rotating.map((latenciesMs) => findQuantile(latenciesMs, fraction));
		return {
			note: `${formatDuration(findMedian(rotatingMs))} against ${formatDuration(findMedian(calmMs))}, ${String(rotationCount)} rotations`,
			ratio: compare(rotatingMs, calmMs),
			what: `${version.label}, ${name}`,
		};
	});
}

/** Latencies of the queries of one turn, while `disturb` is called at every interval. */
async function measureLatencies(dataSource: DataSource, disturb: () => Promise<void>): Promise<number[]> {
	const latenciesMs: number[] = [];
	const endAtMs = performance.now() + TURN_MS;
	const work = async (): Promise<void> => {
		while (performance.now() < endAtMs) {
			await sleep(Math.random() * LONGEST_PAUSE_MS);
			const startedAtMs = performance.now();
			await dataSource.query("SELECT 1");
			latenciesMs.push(performance.now() - startedAtMs);
		}
	};
	const disturbAgain = async (): Promise<void> => {
		while (performance.now() < endAtMs) await Promise.all([disturb(), sleep(ROTATION_INTERVAL_MS)]);
	};
	await Promise.all([disturbAgain(), ...Array.from({ length: WORKER_COUNT }, work)]);
	return latenciesMs;
}
