/** Refuses replicas with options that nothing would read, or without a host. */
import type { TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { OptionInvalidError } from "../errors/errors.js";
import { checkLookups } from "./check-lookups.js";
import { checkGroup, checkOptions, type Checks, isGroup } from "../support/check-options.js";
import type { ITypeOrmAwsConnectorReplica, ITypeOrmAwsConnectorReplicaSsmLookups } from "./replica.options.js";

/** Its values are checked when they are resolved, together with what SSM lacks. */
const REPLICA: Checks<ITypeOrmAwsConnectorReplica> = {
	host: () => undefined,
	password: () => undefined,
	port: () => undefined,
	secretId: () => undefined,
	ssmLookups: checkGroup,
	username: () => undefined,
};

const REPLICA_LOOKUPS: readonly (keyof ITypeOrmAwsConnectorReplicaSsmLookups)[] = [
	"connection",
	"host",
	"password",
	"port",
	"secretId",
	"username",
];

/** Every fault in `replicas`. */
export function checkReplicas(replicas: readonly unknown[]): TypeOrmAwsConnectorError[] {
	return Array.from(replicas, checkReplica).flat();
}

function checkReplica(replica: unknown, index: number): TypeOrmAwsConnectorError[] {
	const option = `replicas[${String(index)}]`;
	if (!isGroup(replica)) return [new OptionInvalidError(option, "must be an object")];
	const { host, ssmLookups } = replica;
	const lookups = isGroup(ssmLookups) ? ssmLookups : {};
	const isPlaced = [host, lookups["connection"], lookups["host"]].some((place) => place !== undefined);
	return [
		...(isPlaced ? [] : [new OptionInvalidError(`${option}.host`, `is not given, and neither is "${option}.ssmLookups.host"`)]),
		...checkOptions(`${option}.`, replica, REPLICA),
		...checkLookups(`${option}.`, lookups, REPLICA_LOOKUPS),
	];
}
