/** How a postgres process is run: where its port goes, how it says that it is ready, which signals end it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServerProgram } from "../server/server-process.js";
import { type Cluster, SERVER_ENVIRONMENT } from "./cluster.js";
import type { Engine } from "./engine.js";

/** The server of a cluster. */
export function describeProgram({ postgres, user }: Engine, { data, folder, log }: Cluster): ServerProgram {
	const pidFile = join(data, "postmaster.pid");
	return {
		environment: SERVER_ENVIRONMENT,
		folder,
		formatArguments: (port) => ["-D", data, "-p", String(port)],
		isReady: async (_, pid) => {
			// The first line is the process id, the eighth the status: what pg_ctl goes by as well.
			const lines = await readFile(pidFile, "utf8").then(
				(text) => text.split("\n"),
				() => [],
			);
			return lines[0] === String(pid) && READY_STATUSES.has(String(lines[7]?.trim()));
		},
		log,
		name: "PostgreSQL",
		path: postgres,
		pidFile,
		stopSignals: { fast: "SIGINT", immediate: "SIGQUIT" },
		user,
		watchSignal: "QUIT",
	};
}

/** A server that follows another one is ready when it answers reads. */
const READY_STATUSES: ReadonlySet<string> = new Set(["ready", "standby"]);
