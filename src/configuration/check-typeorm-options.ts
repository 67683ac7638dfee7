/**
 * Refuses options of TypeORM and of its drivers that the connector fills in by itself: one of the two would be ignored
 * without notice.
 */
import type { TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { OptionInvalidError } from "../errors/errors.js";

const USE_TARGET = 'use "host", "port" and "databaseName", and leave the login to the secret';
const USE_LOGIN = 'leave the login to the secret, or use "username" and "password"';
const USE_TIMEOUT = 'use "connectionTimeoutMs"';

/** What to do instead. The same names are left out of `TTypeOrmOptions`. */
export const OWNED_TYPEORM_OPTIONS = {
	acquireTimeout: USE_TIMEOUT,
	autoLoadEntities: 'use "autoLoadEntities"',
	connectorPackage: "the driver of MySQL and MariaDB is mysql2",
	connectTimeout: USE_TIMEOUT,
	connectTimeoutMS: USE_TIMEOUT,
	database: 'use "databaseName"',
	entities: 'use "entities"',
	host: 'use "host"',
	password: USE_LOGIN,
	poolSize: 'use "poolSize"',
	port: 'use "port"',
	relationLoadStrategy: 'use "relationLoadStrategy"',
	replication: 'use "replicas" and "defaultMode"',
	socketPath: 'use "host"',
	synchronize: 'use "shouldSynchronize"',
	type: 'use "type"',
	url: USE_TARGET,
	username: USE_LOGIN,
} as const;

/** The same for the options of pg and mysql2, which win over TypeORM's: over fresh credentials, too. */
const OWNED_EXTRA: Readonly<Record<string, string>> = {
	connectionLimit: 'use "poolSize"',
	connectionString: USE_TARGET,
	connectionTimeoutMillis: USE_TIMEOUT,
	connectTimeout: USE_TIMEOUT,
	database: 'use "databaseName"',
	host: 'use "host"',
	idleTimeout: 'use "idleTimeoutMs"',
	idleTimeoutMillis: 'use "idleTimeoutMs"',
	max: 'use "poolSize"',
	password: USE_LOGIN,
	port: 'use "port"',
	socketPath: 'use "host"',
	uri: USE_TARGET,
	user: USE_LOGIN,
};

/** Every fault in `typeOrmOptions`. What TypeORM itself makes of the others is not looked at. */
export function checkTypeOrmOptions(options: Readonly<Record<string, unknown>>): TypeOrmAwsConnectorError[] {
	const { extra, logging } = options;
	return [...checkOwned("typeOrmOptions.", options, OWNED_TYPEORM_OPTIONS), ...checkLogging(logging), ...checkExtra(extra)];
}

function checkOwned(prefix: string, options: object, owned: Readonly<Record<string, string>>): TypeOrmAwsConnectorError[] {
	return Object.entries(options)
		.filter(([name, value]) => value !== undefined && Object.hasOwn(owned, name))
		.map(([name]) => new OptionInvalidError(`${prefix}${name}`, `belongs to the connector: ${String(owned[name])}`));
}

function checkLogging(logging: unknown): TypeOrmAwsConnectorError[] {
	if (logging === undefined || Array.isArray(logging)) return [];
	return [
		new OptionInvalidError("typeOrmOptions.logging", 'must be a list such as ["error"]; to log everything or nothing, use "isVerbose"'),
	];
}

function checkExtra(extra: unknown): TypeOrmAwsConnectorError[] {
	if (extra === undefined) return [];
	if (typeof extra !== "object" || extra === null || Array.isArray(extra))
		return [new OptionInvalidError("typeOrmOptions.extra", "must be an object")];
	return checkOwned("typeOrmOptions.extra.", extra, OWNED_EXTRA);
}
