/** A real MySQL server for one test file: as MariaDB's, with `caching_sha2_password` and two passwords for one user. */
import { chown, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TemplateDraft, runToEnd } from "../mariadb/data-folder.js";
import type { Engine } from "../mariadb/engine.js";
import type { ServerKind } from "../mariadb/mariadb-program.js";
import { type MariadbOptions, MariadbServer, startProgram } from "../mariadb/mariadb-server.js";
import { HOST } from "../server/server-process.js";
import { installEngine } from "./engine.js";

const DEFAULT_MAX_CONNECTIONS = 100;

const SETTINGS: Readonly<Record<string, string>> = {
	"admin-address": HOST,
	"cte-max-recursion-depth": "100000",
	// Refused logins are notes.
	"log-error-verbosity": "3",
	mysqlx: "OFF",
	"secure-file-priv": "NULL",
};

const MYSQL: ServerKind = {
	engine: "mysql",
	findRefusedUsers: async ({ log }) => {
		// By numbers of messages: wrong password or unknown user, locked account, expired password.
		const pattern = /\[MY-(?:010926|010927|013851)\] \[Server\] (?:Access denied for user|Password for the account) '(.*)'@'[^']*'[ .]/;
		return (await readFile(log, "utf8")).split("\n").flatMap((line) => pattern.exec(line)?.[1] ?? []);
	},
	formatAdminPort: (port) => ({ "admin-port": String(port) }),
	initialise,
	install: installEngine,
	isReady: (output) => output.includes("Admin interface ready for connections"),
	listSettings: () => SETTINGS,
	name: "MySQL",
};

/**
 * Starts a server as `startMariadb` does, with the same methods. The first start on a machine downloads 60 MB from Debian's development suite, which
 * changes from day to day: where it cannot be had, `ServerUnavailableError` is thrown, and that is no fault.
 * @example
 * const server = await startMysql();
 * await server.createRole("app", "one");
 * await server.admin.query("ALTER USER app IDENTIFIED BY 'two' RETAIN CURRENT PASSWORD");
 * await server.stop();
 */
export async function startMysql({ maxConnections = DEFAULT_MAX_CONNECTIONS, settings = {} }: MariadbOptions = {}): Promise<MariadbServer> {
	return new MariadbServer(await startProgram(MYSQL, { "max-connections": String(maxConnections), ...settings }));
}

async function initialise(engine: Engine, draft: TemplateDraft): Promise<void> {
	const script = join(draft.folder, "superuser.sql");
	const statements = [
		`ALTER USER root@localhost IDENTIFIED BY '${draft.password}';`,
		"RENAME USER root@localhost TO root@127.0.0.1;",
		"",
	];
	await writeFile(script, statements.join("\n"), { flag: "wx", mode: 0o600 });
	if (engine.user !== undefined) await chown(script, engine.user.uid, engine.user.gid);
	const parameters = ["--initialize-insecure", `--init-file=${script}`, `--lc-messages-dir=${engine.share}`, "--secure-file-priv=NULL"];
	await runToEnd(engine, draft, { parameters, script });
	await rm(script);
}
