/** A postgres process: started on a free port, ready when it says so, and gone when this process is. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { type AddressInfo, type Socket, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { type Cluster, SERVER_ENVIRONMENT } from "./cluster.js";
import type { Engine } from "./engine.js";

const HOST = "127.0.0.1";
const ATTEMPT_COUNT = 5;
const POLL_INTERVAL_MS = 10;
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 10_000;
/** Never that of a server somebody else may run or be about to run. */
const DEFAULT_POSTGRES_PORT = 5432;

/**
 * Waits for the end of its standard input, which comes when the process that started it ends, in whatever way; then stops the server,
 * if there still is one, gives it ten seconds to remove its pid file, and removes its files.
 */
const WATCH_SCRIPT = `
	while read -r _; do :; done
	kill -QUIT "$(head -n 1 "$1/data/postmaster.pid")"
	turn=0
	while [ -e "$1/data/postmaster.pid" ] && [ "$turn" -lt 100 ]; do sleep 0.1; turn=$((turn + 1)); done
	rm -rf "$1"
`;

/** How to end a server: `fast` as after a clean shutdown, `immediate` as after a crash. */
export type StopMode = "fast" | "immediate";

/** A running server. */
export interface PostgresProcess {
	readonly port: number;
	/** Resolves when the process has ended. */
	stop(mode: StopMode): Promise<void>;
}

/** Starts the server of a cluster: on `port`, or on a free one. Throws with the end of its log when it does not come up. */
export async function startProcess(engine: Engine, cluster: Cluster, port?: number): Promise<PostgresProcess> {
	for (let attempt = 1; ; attempt += 1) {
		const chosenPort = port ?? (await findFreePort());
		const child = await spawnServer(engine, cluster, chosenPort);
		if (await waitUntilReady(child, cluster)) return { port: chosenPort, stop: (mode) => stopProcess(child, mode) };
		const log = await readFile(cluster.log, "utf8");
		// Somebody took the port between our look at it and the server's.
		if (!log.includes("Address already in use") || attempt === ATTEMPT_COUNT)
			throw new Error(`PostgreSQL did not start:\n${log.slice(-2_000)}`);
	}
}

/**
 * Makes sure that the server and its files go when this process ends, be it by a signal. Start it before the server, end it after.
 * @returns Ends the watch.
 */
export function watchOver({ user }: Engine, { folder }: Cluster): () => void {
	// Detached, for Ctrl-C reaches a whole process group, and this one has work to do then.
	const watcher = spawn("/bin/sh", ["-c", WATCH_SCRIPT, "sh", folder], {
		cwd: "/",
		detached: true,
		stdio: ["pipe", "ignore", "ignore"],
		...user,
	});
	watcher.unref();
	(watcher.stdin as Socket).unref();
	return () => void watcher.kill("SIGKILL");
}

async function findFreePort(): Promise<number> {
	for (;;) {
		const probe = createServer().listen(0, HOST);
		await once(probe, "listening");
		const { port } = probe.address() as AddressInfo;
		probe.close();
		await once(probe, "close");
		if (port !== DEFAULT_POSTGRES_PORT) return port;
	}
}

async function spawnServer({ postgres, user }: Engine, { data, folder, log }: Cluster, port: number): Promise<ChildProcess> {
	const output = await open(log, "a", 0o600);
	try {
		const child = spawn(postgres, ["-D", data, "-p", String(port)], {
			cwd: folder,
			detached: true,
			env: SERVER_ENVIRONMENT,
			stdio: ["ignore", output.fd, output.fd],
			...user,
		});
		await once(child, "spawn");
		child.unref();
		return child;
	} finally {
		await output.close();
	}
}

async function waitUntilReady(child: ChildProcess, { data, log }: Cluster): Promise<boolean> {
	const deadlineAt = Date.now() + START_DEADLINE_MS;
	while (isRunning(child)) {
		// The first line is the process id, the eighth the status: what pg_ctl goes by as well.
		const lines = await readFile(`${data}/postmaster.pid`, "utf8").then(
			(text) => text.split("\n"),
			() => [],
		);
		if (lines[0] === String(child.pid) && lines[7]?.trim() === "ready") return true;
		if (Date.now() > deadlineAt) {
			await stopProcess(child, "immediate");
			throw new Error(
				`PostgreSQL was not ready after ${String(START_DEADLINE_MS)} ms, see its log:\n${(await readFile(log, "utf8")).slice(-2_000)}`,
			);
		}
		await delay(POLL_INTERVAL_MS);
	}
	return false;
}

async function stopProcess(child: ChildProcess, mode: StopMode): Promise<void> {
	if (!isRunning(child)) return;
	child.ref();
	const ended = once(child, "exit");
	child.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
	const deadline = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
	await ended;
	clearTimeout(deadline);
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
	return exitCode === null && signalCode === null;
}
