/** What callers notice of rotations: the latency of queries while the credentials change again and again, against the same load without. */
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import type { DataSource } from "typeorm";

import { type Scene, type SceneServers, startScene } from "../test/support/rotating-database.js";
import { TYPEORM_VERSIONS, type TypeOrmVersion } from "../test/support/typeorm-versions.js";
import { compare, findMedian, findQuantile, measureSides } from "./sides.js";
import { formatDuration, type Result, type Row } from "./table.js";

const POOL_SIZE = 10;
const WORKER_COUNT = 16;
const LONGEST_PAUSE_MS = 5;
const ROTATION_INTERVAL_MS = 200;
const TURN_MS = 2_000;
const ROUND_COUNT = 7;
/** A new pool has one connection; so many it has still to open. */
const LOGIN_COUNT = POOL_SIZE - 1;

/** Runs the bench on the latest TypeORM of both major lines. */
export async function benchRotationLatency(servers: SceneServers): Promise<Result> {
	const rows: Row[] = [];
	for (const version of TYPEORM_VERSIONS.filter(({ label }) => label !== "0.3.20")) rows.push(...(await benchVersion(servers, version)));
	return {
		explanation: `SELECT 1 by ${String(WORKER_COUNT)} workers through a pool of ${String(POOL_SIZE)}: calm, and with a rotation every ${String(ROTATION_INTERVAL_MS)} ms. Failed queries: 0, or the bench fails.`,
		rows,
		title: "Latency during rotations",
	};
}

async function benchVersion(servers: SceneServers, version: TypeOrmVersion): Promise<Row[]> {
	const scene = await startScene(servers, { config: { poolSize: POOL_SIZE }, version });
	const rotate = async (): Promise<void> => {
		await scene.alternate();
		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		if (outcome !== "rotated") throw new Error(`The rotation ended as "${outcome}"`);
	};

	const measured = await measureSides(
		{
			calm: async () => measureLatencies(scene.dataSource, async () => undefined),
			logins: async () => [await measureLogins(scene)],
			rotating: async () => measureLatencies(scene.dataSource, rotate),
		},
		{ roundCount: ROUND_COUNT },
	);
	await scene.stop();

	type Side = keyof typeof measured;
	const createRow = (what: string, fraction: number, side: Side, baseline: Side): Row => {
		const [values, baselineValues] = [side, baseline].map((each) =>
			measured[each].map((latenciesMs) => findQuantile(latenciesMs, fraction)),
		) as [number[], number[]];
		return {
			note: `${formatDuration(findMedian(values))} against ${formatDuration(findMedian(baselineValues))}`,
			ratio: compare(values, baselineValues),
			what: `${version.label}, ${what}`,
		};
	};
	return [
		createRow("p50: rotating ÷ calm", 0.5, "rotating", "calm"),
		createRow("p99: rotating ÷ calm", 0.99, "rotating", "calm"),
		createRow(`p99: rotating ÷ ${String(LOGIN_COUNT)} logins at once`, 0.99, "rotating", "logins"),
	];
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

/** How long the server takes to log in as many as a new pool needs, without TypeORM and without this library. */
async function measureLogins({ config, current, server }: Scene): Promise<number> {
	const { password, username } = current();
	const clients = Array.from(
		{ length: LOGIN_COUNT },
		() =>
			new Client({ database: config.databaseName ?? "", host: server.host, password, port: server.port, ssl: false, user: username }),
	);
	const startedAtMs = performance.now();
	await Promise.all(clients.map(async (client) => client.connect()));
	const elapsedMs = performance.now() - startedAtMs;
	await Promise.all(clients.map(async (client) => client.end()));
	return elapsedMs;
}
