/** TypeORM's options in a form that treats all engines and TypeORM versions alike. */
import type { DataSourceOptions } from "typeorm";

/** The options of a server that a rotation may change. */
export const CREDENTIAL_KEYS = ["host", "password", "port", "ssl", "username"] as const;

/** One of them. */
export type CredentialKey = (typeof CREDENTIAL_KEYS)[number];

/** The endpoint of one server and the credentials for it. */
export type ServerOptions = Partial<Record<CredentialKey, unknown>> & { readonly url?: unknown };

/** Options without their engine. */
export type LooseOptions = ServerOptions & {
	readonly database?: unknown;
	readonly extra?: Record<string, unknown>;
	readonly replication?: { readonly master: ServerOptions; readonly slaves: readonly ServerOptions[] };
	readonly type: string;
};

/** TypeORM's union of options, seen without its engines. */
export function toLooseOptions(options: DataSourceOptions): LooseOptions {
	return options as unknown as LooseOptions;
}

/** The options of each server: the primary's first, then those of the replicas. */
export function listServerOptions(options: LooseOptions): readonly ServerOptions[] {
	const { replication } = options;
	return replication === undefined ? [options] : [replication.master, ...replication.slaves];
}

/**
 * A copy of `options` in which the server with this index has other credentials. The objects of the application stay as
 * they are.
 * @param common what the options say beside the servers; only the primary's promotion changes it.
 */
export function replaceServerOptions(options: LooseOptions, index: number, server: ServerOptions, common: ServerOptions): LooseOptions {
	const { replication } = options;
	if (replication === undefined) return { ...options, ...pickCredentials(server) };
	if (index === 0) return { ...options, ...pickCredentials(common), replication: { ...replication, master: server } };
	const slaves = replication.slaves.map((known, position) => (position === index - 1 ? server : known));
	return { ...options, replication: { ...replication, slaves } };
}

function pickCredentials(server: ServerOptions): ServerOptions {
	return Object.fromEntries(CREDENTIAL_KEYS.filter((key) => key in server).map((key) => [key, server[key]]));
}
