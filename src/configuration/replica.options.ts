/** The public shape of a read replica. */
import type { IConfigGetProperties } from "../parameter-store/parameter-store.options.js";

/**
 * Where a replica's values are looked up. Segments that an entry does not name are those of the connector's own look-up of the same field; an entry
 * needs its `path`.
 * @example
 * { host: { path: ["reader", "host"] } } // …/aws-rds/aurora-postgres/reader/host
 */
export interface ITypeOrmAwsConnectorReplicaSsmLookups {
	/** Host name of the replica. */
	host?: IConfigGetProperties;
	/** Port of the replica. */
	port?: IConfigGetProperties;
	/** Name or ARN of the replica's own secret. */
	secretId?: IConfigGetProperties;
}

/**
 * A read replica. For each field the order is: the value given here, then its look-up, then what the master has. The host has to be given in one of
 * the two ways, and a look-up that is given has to find something.
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
	/** Where host, port and secret id are looked up. Default: nowhere. */
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
