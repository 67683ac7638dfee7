/**
 * The soak: a ledger under load through many rotations, each cell in a process of its own, all at once.
 *
 * `npm run test:soak` runs a short one, `npm run test:soak -- --rotations 1000` the full one. It fails when an operation failed or was left in doubt, when
 * an acknowledged row is not stored, when a pool had more than poolSize + 1 sockets, when a retired password is in the heap or anything is left open.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

import { createSceneDatabase, type SceneDatabase, type SceneServers, startSceneServers } from "../support/rotating-database.js";
import { formatPassword, listCells, POOL_SIZE, type SoakCell, type SoakReport, type SoakSetup } from "./cells.js";

const DEFAULT_ROTATION_COUNT = 25;

interface CellResult {
	readonly cell: SoakCell;
	readonly durationMs: number;
	readonly faults: readonly string[];
	readonly refusedCount: number;
	readonly report: SoakReport;
}

void main();

async function main(): Promise<void> {
	const servers = await startSceneServers();
	try {
		const results = await Promise.all(listCells(readRotationCount()).map(async (cell) => runCell(servers, cell)));
		print(results);
		const failedCount = results.filter(({ faults }) => faults.length > 0).length;
		console.log(`\n${String(results.length - failedCount)} passed, ${String(failedCount)} failed`);
		process.exitCode = failedCount === 0 ? 0 : 1;
	} finally {
		await servers.stop();
	}
}

function readRotationCount(): number {
	const index = process.argv.indexOf("--rotations");
	const count = index === -1 ? DEFAULT_ROTATION_COUNT : Number(process.argv[index + 1]);
	if (!Number.isInteger(count) || count < 1) throw new Error("--rotations needs a whole number from 1");
	return count;
}

async function runCell(servers: SceneServers, cell: SoakCell): Promise<CellResult> {
	const scene = await createSceneDatabase(servers);
	await changePassword(scene, scene.users[0], cell, 0);
	scene.aws.secrets.put(scene.secretId, { password: formatPassword(cell.id, 0), username: scene.users[0] });
	const setup: SoakSetup = {
		awsUrl: scene.aws.url,
		cell,
		database: scene.database,
		host: scene.server.host,
		poolSize: POOL_SIZE,
		port: scene.server.port,
		secretId: scene.secretId,
	};
	const startedAtMs = performance.now();
	const runner = path.join(process.cwd(), "scripts", "run-ts.cjs");
	const child = fork(runner, [path.join(__dirname, "cell.ts"), JSON.stringify(setup)], { execArgv: ["--expose-gc"] });
	const ended = once(child, "exit").then(() => Promise.reject(new Error(`The process of cell ${cell.id} ended early`)));
	ended.catch(() => undefined);
	const nextMessage = async (): Promise<unknown> => {
		const [message] = await Promise.race([once(child, "message") as Promise<unknown[]>, ended]);
		return message;
	};

	const outcomes: string[] = [];
	await nextMessage();
	for (let version = 1; version <= cell.rotationCount; version += 1) {
		await rotateSecret(scene, cell, version);
		child.send("rotate");
		outcomes.push(((await nextMessage()) as { outcome: string }).outcome);
	}
	child.send("finish");
	const report = (await nextMessage()) as SoakReport;
	if (child.exitCode === null) await once(child, "exit");
	const refusedCount = (await Promise.all(scene.users.map(async (user) => scene.server.refusedLogins(user)))).reduce(
		(sum, count) => sum + count,
		0,
	);
	const faults = [
		...findFaults(report),
		...outcomes
			.filter((outcome) => outcome === "failed")
			.slice(0, 1)
			.map(() => "a rotation failed"),
	];
	return { cell, durationMs: performance.now() - startedAtMs, faults, refusedCount, report };
}

/** Does what AWS's rotation functions do, in their order. */
async function rotateSecret(scene: SceneDatabase, cell: SoakCell, version: number): Promise<void> {
	const username = cell.strategy === "alternating" ? scene.users[version % 2] : scene.users[0];
	if (username === undefined) throw new Error("There are two users");
	const value = { password: formatPassword(cell.id, version), username };
	const pending = scene.aws.secrets.put(scene.secretId, value, { stages: ["AWSPENDING"] });
	await changePassword(scene, username, cell, version);
	if (cell.windowMs > 0) await new Promise((resolve) => setTimeout(resolve, cell.windowMs));
	scene.aws.secrets.moveStage(scene.secretId, "AWSCURRENT", pending);
	scene.aws.secrets.moveStage(scene.secretId, "AWSPENDING", undefined);
}

async function changePassword(scene: SceneDatabase, username: string, cell: SoakCell, version: number): Promise<void> {
	await scene.server.setPassword(username, formatPassword(cell.id, version));
}

function findFaults(report: SoakReport): string[] {
	const faults = [
		[report.failedCount > 0, `${String(report.failedCount)} operations failed: ${report.firstFailure ?? ""}`],
		[report.unknownCount > 0, `${String(report.unknownCount)} commits in doubt`],
		[report.acknowledgedCount !== report.storedCount, "acknowledged rows differ from stored ones"],
		[report.operationCount === 0, "nothing was done"],
		[report.peakSocketCount > POOL_SIZE + 1, `${String(report.peakSocketCount)} sockets`],
		[report.retiredSecretCount > 0, `${String(report.retiredSecretCount)} retired passwords in the heap`],
		[report.leftovers.length > 0, `left open: ${report.leftovers.join(", ")}`],
	] as const;
	return faults.filter(([isFault]) => isFault).map(([, text]) => text);
}

function print(results: readonly CellResult[]): void {
	console.table(
		results.map(({ cell, durationMs, refusedCount, report }) => ({
			strategy: cell.windowMs === 0 ? cell.strategy : `${cell.strategy}, ${String(cell.windowMs)} ms`,
			typeorm: cell.typeorm,
			rotations: cell.rotationCount,
			operations: report.operationCount,
			failed: report.failedCount,
			unknown: report.unknownCount,
			"acknowledged = stored": `${String(report.acknowledgedCount)} = ${String(report.storedCount)}`,
			"refused logins absorbed": refusedCount,
			"peak sockets": `${String(report.peakSocketCount)} of ${String(POOL_SIZE + 1)}`,
			"heap bytes/rotation": report.heapSlopeBytes,
			"retired in heap": report.retiredSecretCount,
			left: report.leftovers.length,
			seconds: Math.round(durationMs / 1_000),
		})),
	);
	for (const { cell, faults } of results) {
		for (const fault of faults) console.log(`${cell.strategy} ${String(cell.windowMs)} ms on TypeORM ${cell.typeorm}: ${fault}`);
	}
}
