/** TLS on a running PostgreSQL: certificates and rules that a test makes, changed as often as it likes. */
import { appendFile, chown, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { IssuedCertificate } from "../certificates.js";
import { waitUntil } from "../wait-until.js";
import type { PostgresServer } from "./postgres-server.js";

/** What the server shows and wants. */
export interface ServedTls {
	/** Whom the server trusts to certify clients, in PEM form. Default: none. */
	readonly clientAuthority?: string;
	/** Lines of pg_hba.conf. Default: TLS or not, with the password. */
	readonly rules?: readonly string[];
	/** `undefined` for a server without TLS. */
	readonly server: IssuedCertificate | undefined;
}

const FILES = { authority: "tls-authority.pem", certificate: "tls-server.pem", key: "tls-server-key.pem" } as const;
/** The superuser of the tests comes without TLS. */
const SUPERUSER_RULE = "hostnossl all postgres 127.0.0.1/32 scram-sha-256";
const DEFAULT_RULES = ["host all all 127.0.0.1/32 scram-sha-256"];

/** Applies to connections that are opened from now on. */
export async function serveTls(
	postgres: PostgresServer,
	{ clientAuthority = "", rules = DEFAULT_RULES, server }: ServedTls,
): Promise<void> {
	const { rows } = await postgres.admin.query<{ folder: string }>("SELECT current_setting('data_directory') AS folder");
	const folder = String(rows[0]?.folder);
	await writeAsServer(folder, "pg_hba.conf", [SUPERUSER_RULE, ...rules, ""].join("\n"));
	await writeAsServer(folder, FILES.authority, clientAuthority);
	if (server !== undefined) {
		await writeAsServer(folder, FILES.certificate, server.certificate);
		await writeAsServer(folder, FILES.key, server.key);
	}
	const settings = {
		ssl: server === undefined ? "off" : "on",
		ssl_ca_file: clientAuthority === "" ? "" : FILES.authority,
		ssl_cert_file: FILES.certificate,
		ssl_key_file: FILES.key,
	};
	const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
	await appendFile(join(folder, "postgresql.auto.conf"), lines.join(""));
	const reload = "SELECT pg_reload_conf(), pg_conf_load_time() AS before";
	const before = (await postgres.admin.query<{ before: Date }>(reload)).rows[0]?.before;
	// The postmaster reads its files some time after it was told to; later connections are asked by the new rules.
	await waitUntil("the files are read", async () => {
		const { rows } = await postgres.admin.query<{ at: Date }>("SELECT pg_conf_load_time() AS at");
		return rows[0]?.at.getTime() !== before?.getTime();
	});
}

async function writeAsServer(folder: string, name: string, text: string): Promise<void> {
	const path = join(folder, name);
	const { gid, uid } = await stat(folder);
	await writeFile(path, text, { mode: 0o600 });
	await chown(path, uid, gid);
}
