/** How a mariadbd process is run: where its ports go, how it says that it is ready, which signals end it. */
import { join } from "node:path";
import { HOST, type ServerProgram, findFreePort } from "../server/server-process.js";
import { type DataFolder, FILE_SETTINGS } from "./data-folder.js";
import type { Engine } from "./engine.js";

/** A server that can be started. */
export interface MariadbProgram extends ServerProgram {
	/** Another port, for administrators: it has room when all connections are taken. */
	readonly adminPort: () => number;
}

/** Nothing here has to survive a crash, and a start should be quick. */
const SETTINGS: Readonly<Record<string, string>> = {
	"aria-pagecache-buffer-size": "1M",
	"bind-address": HOST,
	"character-set-server": "utf8mb4",
	"extra-max-connections": "10",
	"innodb-buffer-pool-size": "16M",
	"innodb-doublewrite": "OFF",
	"innodb-flush-log-at-trx-commit": "0",
	"innodb-log-file-size": "4M",
	"key-buffer-size": "1M",
	// A replica may join at any time: it starts from the same template and is told everything since.
	"binlog-format": "ROW",
	"log-bin": "binlog",
	"server-id": "1",
	"skip-name-resolve": "ON",
	"sync-binlog": "0",
	// The plugin keeps count of refusals of every kind; the server's own log has those for the password only.
	"plugin-load-add": "server_audit",
	"server-audit-events": "CONNECT",
	"server-audit-file-rotate-size": "1000000000",
	"server-audit-logging": "ON",
};

/** The server of a data directory. `settings` go on top of our own. */
export function describeProgram(
	{ environment, mariadbd, plugins, share, user }: Engine,
	{ data, folder, log, loginLog }: DataFolder,
	settings: Readonly<Record<string, string>>,
): MariadbProgram {
	const pidFile = join(folder, "pid");
	const fixed = {
		...SETTINGS,
		datadir: data,
		"lc-messages-dir": share,
		"pid-file": pidFile,
		"plugin-dir": plugins,
		"server-audit-file-path": loginLog,
		socket: join(folder, "socket"),
		...settings,
	};
	let ports = { admin: 0, port: 0 };
	return {
		adminPort: () => ports.admin,
		environment,
		folder,
		formatArguments: async (port) => {
			// A restart keeps both.
			if (port !== ports.port) ports = { admin: await findFreePort(), port };
			const all = { ...fixed, "extra-port": String(ports.admin), port: String(port) };
			return ["--no-defaults", ...FILE_SETTINGS, ...Object.entries(all).map(([name, value]) => `--${name}=${value}`)];
		},
		isReady: (output) => output.includes("ready for connections"),
		log,
		name: "MariaDB",
		path: mariadbd,
		pidFile,
		stopSignals: { fast: "SIGTERM", immediate: "SIGKILL" },
		user,
		watchSignal: "TERM",
	};
}
