/** A replica in the shape of a connector, and which of its fields are its own. */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import type { ITypeOrmAwsConnectorReplica } from "../configuration/replica.options.js";

/** What is the replica's own: for the others it follows the master. */
export function listReplicaFields({ port, secretId, ssmLookups = {} }: ITypeOrmAwsConnectorReplica): ("host" | "port" | "secretId")[] {
	const hasPort = [port, ssmLookups.connection, ssmLookups.port].some((place) => place !== undefined);
	const hasSecret = secretId !== undefined || ssmLookups.secretId !== undefined;
	return ["host", ...(hasPort ? (["port"] as const) : []), ...(hasSecret ? (["secretId"] as const) : [])];
}

/** A replica in the shape of a connector, so that its fields are looked up and checked as a connector's are. */
export function toReplicaConfig(
	{ ssmLookupDefaults }: ITypeOrmAwsConnectorConfig,
	replica: ITypeOrmAwsConnectorReplica,
): ITypeOrmAwsConnectorConfig {
	return { ...replica, entities: [], ...(ssmLookupDefaults === undefined ? {} : { ssmLookupDefaults }) };
}

/** What stands before an option of a replica in messages. */
export function describePrefix(index: number): string {
	return `replicas[${String(index)}].`;
}
