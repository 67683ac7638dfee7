/** The process of a server: started on a free port, ready when it says so, and gone when this process is. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { type AddressInfo, type Socket, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { ServerUser } from "./server-user.js";

/** Where every server listens. */
export const HOST = "127.0.0.1";

const ATTEMPT_COUNT = 5;
const POLL_INTERVAL_MS = 10;
const START_DEADLINE_MS = 180_000;
const STOP_DEADLINE_MS = 30_000;
/** Never that of a server that another process may run or be about to run. */
const USUAL_PORTS: readonly number[] = [3306, 5432, 6432];

/**
 * Waits for the end of its standard input, which comes when the process that started it ends, in whatever way; then stops the server,
 * if there still is one, gives it ten seconds to remove its pid file, and removes its files.
 */
const WATCH_SCRIPT = `
	while read -r _; do :; done
	kill "-$3" "$(head -n 1 "$2")"
	turn=0
	while [ -e "$2" ] && [ "$turn" -lt 100 ]; do sleep 0.1; turn=$((turn + 1)); done
	rm -rf "$1"
`;

/** How to end a server: `fast` as after a clean shutdown, `immediate` as after a crash. */
export type StopMode = "fast" | "immediate";

/** What is run, and how to tell how it is. */
export interface ServerProgram {
	/** Everything it sees of the environment. */
	readonly environment: NodeJS.ProcessEnv;
	/** Holds everything of this server, and is removed by the watch. */
	readonly folder: string;
	/** Gets what it writes to its standard streams. */
	readonly log: string;
	/** For messages. */
	readonly name: string;
	readonly path: string;
	/** Made by the server, and removed when it ends by `watchSignal`. */
	readonly pidFile: string;
	readonly stopSignals: Readonly<Record<StopMode, NodeJS.Signals>>;
	/** The user to run it as; `undefined` for the user of this process. */
	readonly user: ServerUser | undefined;
	/** Without `SIG`. */
	readonly watchSignal: string;
	/** Its arguments for a start on this port. */
	formatArguments(port: number): Promise<readonly string[]> | readonly string[];
	/** Whether it serves clients, from what it has written since its start. */
	isReady(output: string, pid: number): Promise<boolean> | boolean;
}

/** A running server. */
export interface ServerProcess {
	readonly port: number;
	/** Resolves when the process has ended. */
	stop(mode: StopMode): Promise<void>;
}

/** Starts a server: on `port`, or on a free one. Throws with the end of its log when it does not come up. */
export async function startProcess(program: ServerProgram, port?: number): Promise<ServerProcess> {
	for (let attempt = 1; ; attempt += 1) {
		const chosenPort = port ?? (await findFreePort());
		const outputStart = await readLogSize(program);
		const child = await spawnServer(program, chosenPort);
		if (await waitUntilReady(child, program, outputStart))
			return { port: chosenPort, stop: (mode) => stopProcess(child, program.stopSignals[mode]) };
		const log = await readFile(program.log, "utf8");
		// Another process took the port between our check and that of the server.
		if (!log.includes("Address already in use") || attempt === ATTEMPT_COUNT)
			throw new Error(`${program.name} did not start:\n${log.slice(-2_000)}`);
	}
}

/** A port of the loopback interface that has no listener, and usually gets none. */
export async function findFreePort(): Promise<number> {
	for (;;) {
		const probe = createServer().listen(0, HOST);
		await once(probe, "listening");
		const { port } = probe.address() as AddressInfo;
		probe.close();
		await once(probe, "close");
		if (!USUAL_PORTS.includes(port)) return port;
	}
}

/**
 * Makes sure that the server and its files go when this process ends, be it by a signal. Start it before the server, end it after.
 * @returns Ends the watch.
 */
export function watchOver({ folder, pidFile, user, watchSignal }: ServerProgram): () => void {
	// Detached, for Ctrl-C reaches a whole process group, and this one has work to do then.
	const watcher = spawn("/bin/sh", ["-c", WATCH_SCRIPT, "sh", folder, pidFile, watchSignal], {
		cwd: "/",
		detached: true,
		stdio: ["pipe", "ignore", "ignore"],
		...user,
	});
	watcher.unref();
	(watcher.stdin as Socket).unref();
	return () => void watcher.kill("SIGKILL");
}

async function readLogSize({ log }: ServerProgram): Promise<number> {
	const output = await open(log, "a", 0o600);
	return closing(output, async () => (await output.stat()).size);
}

async function spawnServer(program: ServerProgram, port: number): Promise<ChildProcess> {
	const { environment, folder, log, path, user } = program;
	const parameters = await program.formatArguments(port);
	const output = await open(log, "a", 0o600);
	return closing(output, async () => {
		const child = spawn(path, parameters, {
			cwd: folder,
			detached: true,
			env: environment,
			stdio: ["ignore", output.fd, output.fd],
			...user,
		});
		await once(child, "spawn");
		child.unref();
		return child;
	});
}

async function closing<Result>(file: FileHandle, use: () => Promise<Result>): Promise<Result> {
	try {
		return await use();
	} finally {
		await file.close();
	}
}

async function waitUntilReady(child: ChildProcess, program: ServerProgram, outputStart: number): Promise<boolean> {
	const deadlineAt = Date.now() + START_DEADLINE_MS;
	while (isRunning(child)) {
		const log = await readFile(program.log);
		if (await program.isReady(log.subarray(outputStart).toString(), child.pid as number)) return true;
		if (Date.now() > deadlineAt) {
			await stopProcess(child, program.stopSignals.immediate);
			throw new Error(
				`${program.name} was not ready after ${String(START_DEADLINE_MS)} ms, see its log:\n${log.toString().slice(-2_000)}`,
			);
		}
		await delay(POLL_INTERVAL_MS);
	}
	return false;
}

async function stopProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
	if (!isRunning(child)) return;
	child.ref();
	const ended = once(child, "exit");
	child.kill(signal);
	const deadline = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
	await ended;
	clearTimeout(deadline);
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
	return exitCode === null && signalCode === null;
}
