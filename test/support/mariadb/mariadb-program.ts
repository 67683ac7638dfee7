/** How a server of MariaDB's or MySQL's is run: where its ports go, how it says that it is ready, which signals end it. */
import { join } from "node:path";
import { HOST, type ServerProgram, findFreePort } from "../server/server-process.js";
import type { DataFolder, Initialise } from "./data-folder.js";
import type { Engine } from "./engine.js";

/** What differs between MariaDB and MySQL. */
export interface ServerKind {
	readonly engine: "mariadb" | "mysql";
	readonly initialise: Initialise;
	readonly name: string;
	/** Users who were refused, once for each time. */
	findRefusedUsers(files: DataFolder): Promise<string[]>;
	formatAdminPort(port: number): Readonly<Record<string, string>>;
	install(): Promise<Engine>;
	isReady(output: string): boolean;
	/** On top of those that both have. */
	listSettings(files: DataFolder): Readonly<Record<string, string>>;
}

/** A server that can be started. */
export interface MariadbProgram extends ServerProgram {
	/** Another port, for administrators: it has room when all connections are taken. */
	readonly adminPort: () => number;
}

/** Nothing here has to survive a crash, and a start should be quick. */
const SETTINGS: Readonly<Record<string, string>> = {
	"bind-address": HOST,
	"character-set-server": "utf8mb4",
	"innodb-buffer-pool-size": "16M",
	"innodb-doublewrite": "OFF",
	"innodb-flush-log-at-trx-commit": "0",
	"key-buffer-size": "1M",
	"performance-schema": "OFF",
	"skip-name-resolve": "ON",
	"sync-binlog": "0",
	// A replica may join at any time: it starts from the same template and is told everything since.
	"binlog-format": "ROW",
	"log-bin": "binlog",
	"server-id": "1",
};

/** The server of a data directory. `settings` go on top of our own. */
export function describeProgram(
	kind: ServerKind,
	{ command: [path, ...leading], environment, plugins, share, user }: Engine,
	files: DataFolder,
	settings: Readonly<Record<string, string>>,
): MariadbProgram {
	const { data, folder, log } = files;
	const pidFile = join(folder, "pid");
	const fixed = {
		...SETTINGS,
		datadir: data,
		"lc-messages-dir": share,
		"pid-file": pidFile,
		"plugin-dir": plugins,
		socket: join(folder, "socket"),
		...kind.listSettings(files),
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
			const all = { ...fixed, ...kind.formatAdminPort(ports.admin), port: String(port) };
			return [...leading, "--no-defaults", ...Object.entries(all).map(([name, value]) => `--${name}=${value}`)];
		},
		isReady: (output) => kind.isReady(output),
		log,
		name: kind.name,
		path,
		pidFile,
		stopSignals: { fast: "SIGTERM", immediate: "SIGKILL" },
		user,
		watchSignal: "TERM",
	};
}
