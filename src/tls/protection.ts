/** How well a connection is protected, as the options and the driver have it. */
import { isAwsDatabaseHost } from "../aws/database-host.js";
import { EDatabaseType } from "../configuration/connector.enums.js";
import type { ITypeOrmAwsConnectorTls } from "../configuration/tls.options.js";
import type { TDatabaseType } from "../configuration/typeorm.options.js";

/** `unverified`: any certificate will do. `unnamed`: a certificate of another host will do. */
export type Protection = "off" | "unnamed" | "unverified" | "verified";

/** The options that decide. */
export interface ProtectionSubject {
	/** All hosts of the connector, replicas included. */
	readonly hosts: readonly string[];
	/** TypeORM's own option, where the application gives it; `false` for whatever counts as false. */
	readonly ssl?: unknown;
	readonly tls: ITypeOrmAwsConnectorTls | boolean | undefined;
	readonly type?: TDatabaseType | undefined;
}

/** The part of the environment that pg and Node read. */
type Environment = Readonly<Record<string, string | undefined>>;

const MYSQL_TYPES: ReadonlySet<string> = new Set([EDatabaseType.MYSQL, EDatabaseType.MARIADB]);

/** Values of PGSSLMODE with which pg uses TLS where no option says anything. */
const PG_MODES: ReadonlyMap<string, Protection> = new Map([
	["no-verify", "unverified"],
	["prefer", "verified"],
	["require", "verified"],
	["verify-ca", "verified"],
	["verify-full", "verified"],
]);

/** Whether the driver of an engine is mysql2. */
export function isMysqlType(type: TDatabaseType | undefined): boolean {
	return type !== undefined && MYSQL_TYPES.has(type);
}

/** The protection of every connection of a connector. */
export function findProtection(subject: ProtectionSubject, environment: Environment = process.env): Protection {
	const { hosts, ssl, tls, type } = subject;
	if (ssl !== undefined) return isMysqlType(type) ? readMysqlSsl(ssl) : readPgSsl(ssl, environment);
	if (tls === undefined && !hosts.some(isAwsDatabaseHost)) return findDriverDefault(type, environment);
	if (typeof tls === "object") return tls.rejectUnauthorized === false ? "unverified" : "verified";
	return tls === false ? "off" : "verified";
}

/** mysql2 checks the name in a certificate only when `verifyIdentity` says so. */
function readMysqlSsl(ssl: unknown): Protection {
	if (ssl === false) return "off";
	if (!isObject(ssl)) return "unnamed";
	if (ssl["rejectUnauthorized"] === false) return "unverified";
	return ssl["verifyIdentity"] === true ? "verified" : "unnamed";
}

function readPgSsl(ssl: unknown, environment: Environment): Protection {
	if (ssl === false) return "off";
	if (ssl === "no-verify") return "unverified";
	const given = isObject(ssl) ? ssl["rejectUnauthorized"] : undefined;
	// Where the option is missing, Node asks the environment.
	if (given === false || (given === undefined && environment["NODE_TLS_REJECT_UNAUTHORIZED"] === "0")) return "unverified";
	return isObject(ssl) && typeof ssl["checkServerIdentity"] === "function" ? "unnamed" : "verified";
}

function findDriverDefault(type: TDatabaseType | undefined, environment: Environment): Protection {
	const mode = isMysqlType(type) ? undefined : PG_MODES.get(environment["PGSSLMODE"] ?? "");
	return mode === "verified" ? readPgSsl(true, environment) : (mode ?? "off");
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null;
}
