/** All settings from their sources, with every problem at once. */
import type { EDatabaseType, ERelationLoadStrategy } from "../configuration/connector.enums.js";
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { CONNECTOR_FIELDS, type FieldName } from "../configuration/connector-fields.js";
import { chooseStoredParts, isIam } from "../configuration/credentials-source.js";
import type { GivenLogin } from "../configuration/given-login.js";
import type { ITypeOrmAwsConnectorReplica } from "../configuration/replica.options.js";
import type { SecretTarget } from "../configuration/secret-target.js";
import { isTypeOrmAwsConnectorError, type TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ConfigurationError } from "../errors/errors.js";
import { isInConnection, isNeeded } from "./list-lookups.js";
import type { FieldValue } from "./parse-value.js";
import type { ParameterReader } from "./read-parameter.js";
import { describePrefix, listReplicaFields, toReplicaConfig } from "./replica-fields.js";
import { type FieldSources, type OpenConnection, resolveField } from "./resolve-field.js";
import { checkRawLogin, resolveLogin } from "./resolve-login.js";
import { readConnection, type StoredConnection } from "./stored-connection.js";

/** Every field with its value. */
export interface ResolvedSettings {
	readonly connectionTimeoutMs: number;
	readonly databaseName: string;
	readonly host: string;
	readonly idleTimeoutMs: number;
	readonly isVerbose: boolean;
	/** What is known of the login without a secret. */
	readonly login: GivenLogin;
	readonly poolSize: number;
	readonly port: number;
	readonly relationLoadStrategy: ERelationLoadStrategy;
	readonly replicas: readonly ResolvedReplica[];
	readonly rotationIntervalMs: number;
	readonly rotationIsEnabled: boolean;
	/** `undefined` when user name and password are both known without one. */
	readonly secretId: string | undefined;
	readonly shouldSynchronize: boolean;
	readonly type: EDatabaseType;
	/** What is to be said about the parameters, each as a sentence. */
	readonly warnings: readonly string[];
}

/** Where a replica is. */
export interface ResolvedReplica {
	readonly host: string;
	/** What the replica has of a login of its own without a secret. */
	readonly login: GivenLogin;
	readonly port: number;
	/** `undefined` when the replica has no secret of its own, or its login is given in code. */
	readonly secretId: string | undefined;
}

/** All fields, in the order in which problems are reported. */
export const ALL_FIELDS = Object.keys(CONNECTOR_FIELDS) as readonly FieldName[];

/** What decides where a connection goes and how it logs in, and is therefore read again by a rotation. */
export const TARGET_FIELDS = ["host", "port", "secretId", "databaseName", "type"] as const satisfies readonly FieldName[];

/**
 * Resolves all settings at once, those of the replicas included.
 * @param target what the secret says of where the database is.
 * @throws ConfigurationError with every field that is missing or invalid.
 */
export function resolveSettings(
	config: ITypeOrmAwsConnectorConfig,
	reader: ParameterReader | undefined,
	target?: SecretTarget,
): ResolvedSettings {
	const problems: TypeOrmAwsConnectorError[] = [];
	const connection = openConnection(config, reader, problems);
	const secure: string[] = [];
	const fields = collectFields(ALL_FIELDS, { config, connection, prefix: "", reader, target }, problems, secure);
	const login = resolveLogin({ config, connection: connection.stored, prefix: "", reader }, problems);
	const replicas = (config.replicas ?? []).map((replica, index) =>
		resolveReplica(config, replica, index, { fields, problems, reader, secure }),
	);
	if (problems.length > 0) throw new ConfigurationError(problems);
	const warnings = [
		...(connection.stored?.isExposed === true ? [describeExposure(connection.stored)] : []),
		...(secure.length === 0 ? [] : [describeSecure(secure)]),
	];
	return Object.freeze({ ...fields, login, replicas, warnings });
}

/** What resolves a replica besides its own options. */
interface ReplicaSources {
	/** Those of the connector itself. */
	readonly fields: Partial<ResolvedReplica>;
	readonly problems: TypeOrmAwsConnectorError[];
	readonly reader: ParameterReader | undefined;
	readonly secure: string[];
}

function resolveReplica(
	config: ITypeOrmAwsConnectorConfig,
	replica: ITypeOrmAwsConnectorReplica,
	index: number,
	{ fields, problems, reader, secure }: ReplicaSources,
): ResolvedReplica {
	const prefix = describePrefix(index);
	const own = toReplicaConfig(config, replica);
	const connection = openConnection(own, reader, problems, config, prefix);
	const values: Partial<ResolvedReplica> = collectFields(
		listReplicaFields(replica),
		{ config: own, connection, prefix, reader },
		problems,
		secure,
	);
	const login = resolveLogin({ config: own, connection: connection.stored, prefix, reader }, problems);
	// A replica that names the master's secret is logged in to as the master is: one fetch serves both.
	const secretId = values.secretId === fields.secretId ? undefined : values.secretId;
	return { host: values.host, login, port: values.port ?? fields.port, secretId } as ResolvedReplica;
}

/**
 * Resolves the interval, then whether rotations are scheduled.
 * @throws ConfigurationError with each of the two that is invalid.
 */
export function resolveRotation(
	config: ITypeOrmAwsConnectorConfig,
	reader: ParameterReader | undefined,
): { readonly intervalMs: number; readonly isEnabled: boolean } {
	const settings = resolveFields(["rotationIntervalMs", "rotationIsEnabled"], config, reader);
	return { intervalMs: settings.rotationIntervalMs, isEnabled: settings.rotationIsEnabled };
}

/** How the connector logs in: the id of the secret where one is needed, and what is known of the login without it. */
export interface ResolvedAccess {
	readonly login: GivenLogin;
	readonly secretId: string | undefined;
}

/**
 * Resolves what a login is made of.
 * @throws ConfigurationError when something of it is missing or invalid.
 */
export function resolveAccess(config: ITypeOrmAwsConnectorConfig, reader: ParameterReader | undefined): ResolvedAccess {
	const problems: TypeOrmAwsConnectorError[] = [];
	const connection = openConnection(config, reader, problems);
	const { secretId } = collectFields(["secretId"], { config, connection, prefix: "", reader }, problems);
	const login = resolveLogin({ config, connection: connection.stored, prefix: "", reader }, problems);
	if (problems.length > 0) throw new ConfigurationError(problems);
	return { login, secretId };
}

function resolveFields<Name extends FieldName>(
	names: readonly Name[],
	config: ITypeOrmAwsConnectorConfig,
	reader: ParameterReader | undefined,
): Pick<ResolvedSettings, Name> {
	const problems: TypeOrmAwsConnectorError[] = [];
	const values = collectFields(names, { config, prefix: "", reader }, problems);
	if (problems.length > 0) throw new ConfigurationError(problems);
	return Object.freeze(values);
}

/** @param main the connector's own configuration, where `config` is that of a replica. */
export function openConnection(
	config: ITypeOrmAwsConnectorConfig,
	reader: ParameterReader | undefined,
	problems: TypeOrmAwsConnectorError[],
	main = config,
	prefix = "",
): OpenConnection {
	const { credentials } = main;
	const keys = credentials !== undefined && "keys" in credentials ? credentials.keys : undefined;
	// A replica without a login of its own is logged in to as the master is; with tokens all servers are.
	const optional = isIam(main) ? {} : ({ password: "optional", username: "optional" } as const);
	try {
		const parts = main === config ? chooseStoredParts(config) : optional;
		return { isUsable: true, stored: readConnection({ config, keys, prefix, parts, reader }) };
	} catch (problem) {
		if (!isTypeOrmAwsConnectorError(problem)) throw problem;
		problems.push(problem);
		return { isUsable: false, stored: undefined };
	}
}

function describeExposure({ trace: { path } }: StoredConnection): string {
	const name = path === undefined ? "of ssmLookups.connection" : `"${path}"`;
	return `The parameter ${name} holds a password in clear text. Create it anew as a SecureString: everyone who may read the parameter reads the password.`;
}

/** A mistyped lookup may lead to a password, and drivers repeat a host and a database that they cannot find. */
function describeSecure(labels: readonly string[]): string {
	const names = labels.map((label) => `"${label}"`).join(", ");
	const [be, it] = labels.length === 1 ? ["is", "it"] : ["are", "them"];
	return `${names} ${be} read from a SecureString. Errors of drivers and of AWS may repeat ${it}: use a String, or correct the lookup where a secret was not meant.`;
}

/** @param secure takes the labels of values that are in a SecureString of their own. */
function collectFields<Name extends FieldName>(
	names: readonly Name[],
	sources: FieldSources,
	problems: TypeOrmAwsConnectorError[],
	secure: string[] = [],
): Pick<ResolvedSettings, Name> {
	const { config, connection, prefix } = sources;
	const values: Partial<Record<FieldName, FieldValue>> = {};
	for (const name of names) {
		if (!isNeeded(name, config)) continue;
		if (connection?.isUsable === false && isInConnection(name, config) && CONNECTOR_FIELDS[name].readRaw(config) === undefined)
			continue;
		try {
			const { isSecure, value } = resolveField(name, sources);
			values[name] = value;
			if (isSecure === true) secure.push(`${prefix}${CONNECTOR_FIELDS[name].label}`);
		} catch (problem) {
			if (!isTypeOrmAwsConnectorError(problem)) throw problem;
			problems.push(problem);
		}
	}
	// What is given in code is the other half of what the secret holds.
	if (prefix !== "" || (names as readonly FieldName[]).includes("secretId")) problems.push(...checkRawLogin(config, prefix));
	return values as Pick<ResolvedSettings, Name>;
}
