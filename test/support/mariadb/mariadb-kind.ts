/** What is MariaDB's own: how its system tables are made, what it is started with, how it tells of refused logins. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type DataFolder, type TemplateDraft, runToEnd } from "./data-folder.js";
import { type Engine, installEngine } from "./engine.js";
import type { ServerKind } from "./mariadb-program.js";

/** In this order. Texts of help are left out. */
const SYSTEM_SCRIPTS = [
	"mysql_system_tables.sql",
	"mysql_performance_tables.sql",
	"mysql_system_tables_data.sql",
	"maria_add_gis_sp_bootstrap.sql",
	"mysql_sys_schema.sql",
];

const SETTINGS: Readonly<Record<string, string>> = {
	"aria-pagecache-buffer-size": "1M",
	"extra-max-connections": "10",
	"innodb-data-file-path": "ibdata1:10M:autoextend",
	"innodb-log-file-size": "4M",
	// The plugin keeps count of refusals of every kind; the server's own log has those for the password only.
	"plugin-load-add": "server_audit",
	"server-audit-events": "CONNECT",
	"server-audit-file-rotate-size": "1000000000",
	"server-audit-logging": "ON",
};

/** Wrong password or unknown user, locked account, expired password. */
const REFUSALS = "1045|4151|1862";

export const MARIADB: ServerKind = {
	engine: "mariadb",
	findRefusedUsers: async ({ loginLog }) => {
		// The moment, the server's host, the user, the client's host, two ids, what happened, no database, no object, the number.
		const pattern = new RegExp(`^[^,]*,[^,]*,(.*),[^,]*,\\d+,\\d+,FAILED_CONNECT,.*,,(?:${REFUSALS})$`);
		const lines = (await readFile(loginLog, "utf8")).split("\n");
		return lines.flatMap((line) => pattern.exec(line)?.[1] ?? []);
	},
	formatAdminPort: (port) => ({ "extra-port": String(port) }),
	initialise,
	install: installEngine,
	isReady: (output) => output.includes("ready for connections"),
	listSettings: ({ loginLog }: DataFolder) => ({ ...SETTINGS, "server-audit-file-path": loginLog }),
	name: "MariaDB",
};

/** Does what mariadb-install-db does, which wants more programs than there are here. */
async function initialise(engine: Engine, draft: TemplateDraft): Promise<void> {
	const scripts = await Promise.all(SYSTEM_SCRIPTS.map((name) => readFile(join(engine.share, name), "utf8")));
	const script = join(draft.folder, "system-tables.sql");
	// One statement a line: the server reads these without a client.
	const opening = ["CREATE DATABASE mysql;", "USE mysql;"];
	const closing = [
		"DELETE FROM global_priv WHERE User = 'root' AND Host <> '127.0.0.1';",
		"DELETE FROM proxies_priv;",
		"FLUSH PRIVILEGES;",
		`ALTER USER root@127.0.0.1 IDENTIFIED BY '${draft.password}';`,
	];
	await writeFile(script, [...opening, ...scripts, ...closing, ""].join("\n"), { flag: "wx", mode: 0o600 });
	const files = ["innodb-data-file-path", "innodb-log-file-size"].map((name) => `--${name}=${String(SETTINGS[name])}`);
	await runToEnd(engine, draft, { parameters: ["--bootstrap", `--lc-messages-dir=${engine.share}`, ...files], script });
	await rm(script);
}
