/** Settings and a login → TypeORM's options. The one place that knows what each engine's driver calls its settings. */
import type { DataSourceOptions } from "typeorm";

import { EDatabaseType } from "../configuration/connector.enums.js";
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import type { TReplicationMode } from "../configuration/replica.options.js";
import type { Credentials } from "../credentials/credentials-provider.js";
import type { ResolvedSettings } from "../resolution/resolve-settings.js";
import { CONNECTOR_ORIGIN, OptionsOrigin, type ManagedValues } from "./options-origin.js";
import { describeLogin, type LoginOptions } from "./describe-login.js";
import type { TlsOptions } from "../tls/tls-options.js";

/**
 * A PoolCluster of mysql2 ends the pool of a server after five refused logins, in the middle of the work on it, and by
 * default tries five times for one caller. A server stays in the cluster here, and each caller is told of a refusal at
 * once.
 */
const CLUSTER = { canRetry: false, removeNodeErrorCount: 1_000_000_000 };

/** What options are made of. */
export interface OptionsParts {
	readonly config: Pick<
		ITypeOrmAwsConnectorConfig,
		"autoLoadEntities" | "defaultMode" | "entities" | "isPlaintextAllowed" | "typeOrmOptions"
	>;
	readonly connector: { readonly connectorId: string; readonly name: string };
	readonly credentials: Credentials;
	/** One for each replica, in their order. */
	readonly replicaCredentials?: readonly Credentials[];
	/** One for each replica, in their order. */
	readonly replicaSsl?: readonly TlsOptions[];
	readonly settings: ResolvedSettings;
	/** Of the master; `undefined` where the driver or `typeOrmOptions` says it. */
	readonly ssl?: TlsOptions;
}

/** A new options object, marked with the connector that made it. */
export function createDataSourceOptions({
	config: { defaultMode, entities, isPlaintextAllowed, typeOrmOptions = {}, ...config },
	connector,
	credentials,
	replicaCredentials = [],
	replicaSsl = [],
	settings,
	ssl,
}: OptionsParts): DataSourceOptions {
	const { databaseName, isVerbose, relationLoadStrategy, replicas, shouldSynchronize, type } = settings;
	const login = describeLogin(credentials, { ...settings, isPlaintextAllowed });
	const secure = (own: TlsOptions): object => (own === undefined ? {} : { ssl: own });
	const master = { ...describeNode(settings, databaseName, login), ...secure(ssl) };
	const slaves = replicas.map((replica, index) => ({
		...describeNode(replica, databaseName, describeLogin(replicaCredentials[index] ?? credentials, { ...replica, type })),
		...secure(replicaSsl[index] ?? ssl),
	}));
	const options = {
		...login.options,
		...typeOrmOptions,
		...master,
		...describeDriver(settings, mergeExtra(login.extra, typeOrmOptions.extra)),
		...(config.autoLoadEntities !== undefined && { autoLoadEntities: config.autoLoadEntities }),
		...(entities !== undefined && { entities }),
		logging: isVerbose || (typeOrmOptions.logging ?? false),
		relationLoadStrategy,
		synchronize: shouldSynchronize,
		type,
		[CONNECTOR_ORIGIN]: new OptionsOrigin(connector.connectorId, connector.name, master, slaves),
	};
	if (slaves.length === 0) return options as DataSourceOptions;
	return { ...options, replication: describeReplication(options, master, slaves, defaultMode) } as DataSourceOptions;
}

function describeNode({ port }: { readonly port: number }, database: string, { host, password, username }: LoginOptions): ManagedValues {
	return { database, host, password, port, username };
}

/** The user's options of the driver win, each way to log in for itself. */
function mergeExtra(ours: LoginOptions["extra"], theirs: Readonly<Record<string, unknown>> = {}): object {
	const { ssl, ...rest } = theirs;
	return {
		...ours,
		...rest,
		// An `ssl` without a value would win over TypeORM's, and pg would go on without TLS.
		...(ssl === undefined ? {} : { ssl }),
		...(ours.authPlugins !== undefined && { authPlugins: { ...ours.authPlugins, ...(theirs["authPlugins"] as object | undefined) } }),
	};
}

function describeDriver({ connectionTimeoutMs, idleTimeoutMs, poolSize, type }: ResolvedSettings, extra: object): object {
	if (isPgFamily(type)) return describePg(type, connectionTimeoutMs, poolSize, { ...extra, idleTimeoutMillis: idleTimeoutMs });
	// mysql2 has no "never", so its own default (no limit) is left in place; to pg, 0 means the same.
	const idle = idleTimeoutMs === 0 ? {} : { maxIdle: findMaximumIdle(poolSize), ...extra, idleTimeout: idleTimeoutMs };
	return {
		connectTimeout: connectionTimeoutMs,
		// TypeORM 0.3 takes the older package when both are installed; 1.x has no such option and ignores it.
		connectorPackage: "mysql2",
		extra: { ...extra, ...idle },
		poolSize,
	};
}

/** By TypeORM's own names, so that what an application puts on top wins: TypeORM reads `extra` after them. */
function describePg(type: EDatabaseType, connectTimeoutMS: number, poolSize: number, extra: Record<string, unknown>): object {
	const rest = Object.fromEntries(Object.entries(extra).filter(([key]) => key !== "connectionTimeoutMillis" && key !== "max"));
	// TypeORM's CockroachDB driver has no name of its own for the timeout.
	if (type === EDatabaseType.COCKROACHDB) return { extra: { ...rest, connectionTimeoutMillis: connectTimeoutMS }, poolSize };
	return { connectTimeoutMS, extra: rest, poolSize };
}

/** TypeORM's CockroachDB driver is made of pg, too, and passes `extra` to it in the same way. */
function isPgFamily(type: EDatabaseType): boolean {
	return type === EDatabaseType.POSTGRES || type === EDatabaseType.COCKROACHDB;
}

/**
 * mysql2 closes idle connections only while `maxIdle` is below the size of the pool, and always closes those above
 * `maxIdle`. One below costs a single connection of a full pool; with a pool of one it would close the only connection
 * every second.
 */
function findMaximumIdle(poolSize: number): number {
	return Math.max(1, poolSize - 1);
}

/** TypeORM reads each node's login and, on PostgreSQL and CockroachDB, its `ssl` from the node alone. */
function describeReplication(
	{ ssl, type }: { readonly ssl?: unknown; readonly type: EDatabaseType },
	master: ManagedValues,
	slaves: readonly ManagedValues[],
	defaultMode: TReplicationMode | undefined,
): object {
	const secure = (node: ManagedValues): object => (ssl === undefined ? node : { ssl, ...node });
	return {
		...(isPgFamily(type) ? {} : CLUSTER),
		...(defaultMode === undefined ? {} : { defaultMode }),
		master: secure(master),
		slaves: slaves.map(secure),
	};
}
