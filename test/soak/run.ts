/**
 * The soak: a ledger under load through many rotations, each cell in a process of its own, several at once.
 *
 * `npm run test:soak` runs a short one on every engine and topology, `npm run test:soak -- --rotations 1000` the full one. `--engine mariadb`,
 * `--topology replica` and `--cells <part of an id>` choose among the cells. It fails when an operation failed or was left in doubt, when an
 * acknowledged row is not stored, when a proxy counted more than poolSize + 1 sockets of a pool from accept to close, when a retired password is in the heap or anything is left: a handle, a
 * socket, a listener of the process. With COUNTS_FILE in the environment it writes there how many cells passed and failed.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import { startLoginProxy } from "../support/login-proxy.js";
import { createSceneDatabase, type SceneDatabase, type SceneServers, startSceneServers } from "../support/rotating-database.js";
import type { DatabaseServer, EngineName } from "../support/server/database-server.js";
import { ServerUnavailableError } from "../support/server/debian-packages.js";
import {
	ENGINES,
	formatPassword,
	listCells,
	OPTIONAL_ENGINES,
	POOL_SIZE,
	type SoakCell,
	type SoakReport,
	type SoakSetup,
	TOPOLOGIES,
} from "./cells.js";

const DEFAULT_ROTATION_COUNT = "10";
/** Cells that run at the same time. */
const PARALLEL_COUNT = 6;

interface CellResult {
	readonly cell: SoakCell;
	readonly durationMs: number;
	readonly faults: readonly string[];
	/** Most sockets that were open at once: to the server, and to its replica. */
	readonly peakSocketCounts: readonly number[];
	readonly refusedCount: number;
	readonly report: SoakReport;
}

void main();

async function main(): Promise<void> {
	const cells = chooseCells();
	const faults: string[] = [];
	const results: CellResult[] = [];
	for (const engine of ENGINES) {
		const own = cells.filter((cell) => cell.engine === engine);
		if (own.length === 0) continue;
		const servers = await startServers(engine, own);
		if (servers instanceof ServerUnavailableError) {
			console.log(`${String(own.length)} cells of ${engine} did not run. ${servers.message}`);
			if (process.env["CI"] !== undefined && !OPTIONAL_ENGINES.includes(engine)) faults.push(engine);
			continue;
		}
		try {
			results.push(...(await runCells(servers, own)));
		} finally {
			await servers.stop();
		}
	}
	print(results);
	const failedCount = results.filter((result) => result.faults.length > 0).length + faults.length;
	const passedCount = results.length + faults.length - failedCount;
	const countsFile = process.env["COUNTS_FILE"];
	if (countsFile !== undefined) writeFileSync(countsFile, JSON.stringify({ failed: failedCount, passed: passedCount }));
	console.log(`\n${String(passedCount)} passed, ${String(failedCount)} failed`);
	process.exitCode = failedCount === 0 && results.length > 0 ? 0 : 1;
}

function chooseCells(): SoakCell[] {
	const { values } = parseArgs({
		options: {
			cells: { default: "", type: "string" },
			engine: { type: "string" },
			rotations: { default: DEFAULT_ROTATION_COUNT, type: "string" },
			topology: { type: "string" },
		},
	});
	const rotationCount = Number(values.rotations);
	if (!Number.isInteger(rotationCount) || rotationCount < 1) throw new Error("--rotations needs a whole number from 1");
	checkChoice("--engine", values.engine, ENGINES);
	checkChoice("--topology", values.topology, TOPOLOGIES);
	const chosen = listCells(rotationCount).filter(
		({ engine, id, topology }) =>
			id.includes(values.cells) && engine === (values.engine ?? engine) && topology === (values.topology ?? topology),
	);
	if (chosen.length === 0)
		throw new Error(
			`No cell is left. These are all of them:\n${listCells(1)
				.map(({ id }) => id)
				.join("\n")}`,
		);
	return chosen;
}

function checkChoice(flag: string, value: string | undefined, choices: readonly string[]): void {
	if (value !== undefined && !choices.includes(value)) throw new Error(`${flag} needs one of ${choices.join(", ")}`);
}

async function startServers(
	engine: EngineName,
	cells: readonly SoakCell[],
): Promise<SceneServers<DatabaseServer> | ServerUnavailableError> {
	const hasReplica = cells.some(({ topology }) => topology === "replica");
	return startSceneServers({ engine, hasReplica }).catch((error: unknown) => {
		if (error instanceof ServerUnavailableError) return error;
		throw error;
	});
}

async function runCells(servers: SceneServers<DatabaseServer>, cells: readonly SoakCell[]): Promise<CellResult[]> {
	const results: CellResult[] = [];
	const waiting = [...cells];
	const work = async (): Promise<void> => {
		for (let cell = waiting.shift(); cell !== undefined; cell = waiting.shift()) {
			results.push(await runCell(cell.topology === "replica" ? servers : { ...servers, replica: undefined }, cell));
		}
	};
	await Promise.all(Array.from({ length: PARALLEL_COUNT }, work));
	return results.sort((left, right) => cells.indexOf(left.cell) - cells.indexOf(right.cell));
}

async function runCell(sceneServers: SceneServers<DatabaseServer>, cell: SoakCell): Promise<CellResult> {
	const scene = await createSceneDatabase(sceneServers);
	await changePassword(scene, scene.users[0], cell, 0);
	await scene.replica?.catchUp();
	scene.aws.secrets.put(scene.secretId, { password: formatPassword(cell.id, 0), username: scene.users[0] });
	const servers = scene.replica === undefined ? [scene.server] : [scene.server, scene.replica];
	const proxies = await Promise.all(servers.map(async (target) => startLoginProxy({ target })));
	const [primary, replica] = proxies;
	if (primary === undefined) throw new Error("There is a server");
	const setup: SoakSetup = {
		awsUrl: scene.aws.url,
		cell,
		database: scene.database,
		host: primary.host,
		poolSize: POOL_SIZE,
		port: primary.port,
		replica: replica && { host: replica.host, port: replica.port },
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

	const failures: string[] = [];
	await nextMessage();
	for (let version = 1; version <= cell.rotationCount; version += 1) {
		await rotateSecret(scene, cell, version);
		child.send("rotate");
		const failure = (await nextMessage()) as string;
		if (failure !== "") failures.push(`rotation ${String(version)} failed: ${failure}`);
	}
	child.send("finish");
	const report = (await nextMessage()) as SoakReport;
	const openCount = proxies.reduce((sum, proxy) => sum + proxy.openCount, 0);
	if (child.exitCode === null) await once(child, "exit");
	const peakSocketCounts = proxies.map(({ peakCount }) => peakCount);
	await Promise.all(proxies.map(async (proxy) => proxy.stop()));
	const refusedCount = await countRefusals(scene);
	const faults = [...findFaults(report), ...findSocketFaults(peakSocketCounts, openCount), ...failures.slice(0, 1)];
	return { cell, durationMs: performance.now() - startedAtMs, faults, peakSocketCounts, refusedCount, report };
}

async function countRefusals({ replica, server, users }: SceneDatabase<DatabaseServer>): Promise<number> {
	const servers = replica === undefined ? [server] : [server, replica];
	const counts = await Promise.all(servers.flatMap((each) => users.map(async (user) => each.refusedLogins(user))));
	return counts.reduce((sum, count) => sum + count, 0);
}

/** Does what AWS's rotation functions do, in their order. */
async function rotateSecret(scene: SceneDatabase<DatabaseServer>, cell: SoakCell, version: number): Promise<void> {
	const username = cell.strategy === "alternating" ? scene.users[version % 2] : scene.users[0];
	if (username === undefined) throw new Error("There are two users");
	const value = { password: formatPassword(cell.id, version), username };
	const pending = scene.aws.secrets.put(scene.secretId, value, { stages: ["AWSPENDING"] });
	await changePassword(scene, username, cell, version);
	if (cell.windowMs > 0) await new Promise((resolve) => setTimeout(resolve, cell.windowMs));
	scene.aws.secrets.moveStage(scene.secretId, "AWSCURRENT", pending);
	scene.aws.secrets.moveStage(scene.secretId, "AWSPENDING", undefined);
}

async function changePassword(scene: SceneDatabase<DatabaseServer>, username: string, cell: SoakCell, version: number): Promise<void> {
	await scene.server.setPassword(username, formatPassword(cell.id, version));
}

function findFaults(report: SoakReport): string[] {
	const faults = [
		[report.failedCount > 0, `${String(report.failedCount)} operations failed: ${report.firstFailure ?? ""}`],
		[report.unknownCount > 0, `${String(report.unknownCount)} commits in doubt`],
		[report.acknowledgedCount !== report.storedCount, "acknowledged rows differ from stored ones"],
		[report.operationCount === 0, "nothing was done"],
		[report.retiredSecretCount > 0, describeRetired(report)],
		[report.leftovers.length > 0, `left open: ${report.leftovers.join(", ")}`],
	] as const;
	return faults.filter(([isFault]) => isFault).map(([, text]) => text);
}

function describeRetired({ retainers, retiredSecretCount, snapshotFile }: SoakReport): string {
	const [first, ...others] = retainers;
	const chain = [first, ...others.map((retainer) => `  in ${retainer}`)].join("\n");
	return `${retiredSecretCount} retired passwords in the heap, snapshot in ${String(snapshotFile)}; one of them is\n${chain}`;
}

function findSocketFaults(peakCounts: readonly number[], openCount: number): string[] {
	const text = `${peakCounts.join(" and ")} sockets`;
	return [
		...(Math.max(...peakCounts) > POOL_SIZE + 1 ? [text] : []),
		...(Math.min(...peakCounts) < 2 ? [`no load: ${text}`] : []),
		...(openCount === 0 ? [] : [`left open: ${openCount} sockets to the database`]),
	];
}

function print(results: readonly CellResult[]): void {
	console.table(
		results.map(({ cell, durationMs, peakSocketCounts, refusedCount, report }) => ({
			engine: cell.engine,
			topology: cell.topology,
			strategy: cell.windowMs === 0 ? cell.strategy : `${cell.strategy}, ${String(cell.windowMs)} ms`,
			typeorm: cell.typeorm,
			rotations: cell.rotationCount,
			operations: report.operationCount,
			failed: report.failedCount,
			unknown: report.unknownCount,
			"acknowledged = stored": `${String(report.acknowledgedCount)} = ${String(report.storedCount)}`,
			"refused logins absorbed": refusedCount,
			"peak sockets": `${peakSocketCounts.join(" and ")} of ${String(POOL_SIZE + 1)}`,
			"heap bytes/rotation": report.heapSlopeBytes,
			"retired in heap": report.retiredSecretCount,
			left: report.leftovers.length,
			seconds: Math.round(durationMs / 1_000),
		})),
	);
	for (const { cell, faults } of results) {
		for (const fault of faults) console.log(`${cell.id}: ${fault}`);
	}
}
