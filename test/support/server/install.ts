/**
 * Installs the programs of one kind of server, as its first start would: `node scripts/run-ts.cjs test/support/server/install.ts mariadb`.
 * Ends with 1 and the reason on standard error where they cannot be had.
 */
import { installEngine as installMariadb } from "../mariadb/engine.js";
import { installEngine as installMysql } from "../mysql/engine.js";
import { installPgbouncer } from "../pgbouncer/pgbouncer.js";
import { ServerUnavailableError } from "./debian-packages.js";

const INSTALLERS: Readonly<Record<string, () => Promise<unknown>>> = {
	mariadb: installMariadb,
	mysql: installMysql,
	pgbouncer: installPgbouncer,
};

void INSTALLERS[String(process.argv[2])]?.().catch((error: unknown) => {
	if (!(error instanceof ServerUnavailableError)) throw error;
	process.stderr.write(error.message);
	process.exitCode = 1;
});
