/** The public shape of a read replica. */
import type { TParameterLookup } from "../parameter-store/parameter-store.options.js";

/**
 * Where a replica's values are looked up: by the full name of a parameter, or by a structured lookup, which needs its
 * `path` and has the other segments of the connector's own lookup of the same field.
 * @example
 * { host: "/prod/db/reader/host" }
 * { host: { path: ["reader", "host"] } } // …/aws-rds/aurora-postgres/reader/host
 */
export interface ITypeOrmAwsConnectorReplicaSsmLookups {
	/** One parameter for host, port and login, as the connector's own `ssmLookups.connection`. */
	connection?: TParameterLookup;
	/** Host name of the replica. */
	host?: TParameterLookup;
	/** Password, in a SecureString of its own. */
	password?: TParameterLookup;
	/** Port of the replica. */
	port?: TParameterLookup;
	/** Name or ARN of the replica's own secret. */
	secretId?: TParameterLookup;
	/** User name, in a parameter of its own. */
	username?: TParameterLookup;
}

/**
 * A read replica. For each field the order is: the value given here, then its lookup, then what the master has. The
 * host has to be given in one of the two ways, and a lookup that is given has to find something.
 * @example
 * { ssmLookups: { host: { path: ["reader", "host"] } } }
 */
export interface ITypeOrmAwsConnectorReplica {
	/** Host name of the replica. */
	host?: string;
	/** Password, taken verbatim. Default: that of the replica's own secret, then the master's. */
	password?: string;
	/** Port of the replica. Default: the master's. */
	port?: number;
	/** Name or ARN of a secret of the replica's own. Default: the replica is logged in to as the master is. */
	secretId?: string;
	/** Where host, port, secret id and login are looked up. Default: nowhere. */
	ssmLookups?: ITypeOrmAwsConnectorReplicaSsmLookups;
	/** User name. Default: that of the replica's own secret, then the master's. */
	username?: string;
}

/**
 * Where TypeORM sends reads that do not say it: to a replica (`slave`), or to the `master`.
 * @see https://typeorm.io/docs/data-source/multiple-data-sources#replication
 * @example
 * const defaultMode: TReplicationMode = "master";
 */
export type TReplicationMode = "master" | "slave";
