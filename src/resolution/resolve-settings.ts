/** Every setting from its sources: the value given in code wins, then the secret where it was asked, then the parameter, then the default. */
import type { EDatabaseType, ERelationLoadStrategy } from "../configuration/connector.enums.js";
import type { IStructuredLookup, ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { CONNECTOR_FIELDS, type FieldDefinition, type FieldName } from "../configuration/connector-fields.js";
import type { ITypeOrmAwsConnectorReplica } from "../configuration/replica.options.js";
import { SECRET_TARGET_FIELDS, type SecretTarget } from "../configuration/secret-target.js";
import { isTypeOrmAwsConnectorError, type TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import {
	ConfigurationError,
	LookupInvalidError,
	OptionInvalidError,
	ParameterInvalidError,
	ParameterNotFoundError,
	SecretMalformedError,
} from "../errors/errors.js";
import { buildFieldLookup } from "./field-lookup.js";
import { describeKind, type FieldValue, type Parsed, parseRaw, parseText } from "./parse-value.js";

/** Where parameters come from: ParameterStoreConfigService, or anything else with a synchronous `get`. */
export interface ParameterReader {
	/** The full name that a look-up stands for, for messages. */
	describePath?(lookup: IStructuredLookup): string | undefined;
	/** The text of the parameter, `null` where there is none. */
	get(lookup: IStructuredLookup): string | null;
}

/** Every field with its value. */
export interface ResolvedSettings {
	readonly connectionTimeoutMs: number;
	readonly databaseName: string;
	readonly host: string;
	readonly idleTimeoutMs: number;
	readonly isVerbose: boolean;
	readonly poolSize: number;
	readonly port: number;
	readonly relationLoadStrategy: ERelationLoadStrategy;
	readonly replicas: readonly ResolvedReplica[];
	readonly rotationIntervalMs: number;
	readonly rotationIsEnabled: boolean;
	/** `undefined` when user name and password are both given in code. */
	readonly secretId: string | undefined;
	readonly shouldSynchronize: boolean;
	readonly type: EDatabaseType;
}

/** Where a replica is. */
export interface ResolvedReplica {
	readonly host: string;
	readonly port: number;
	/** `undefined` when the replica has no secret of its own, or its login is given in code. */
	readonly secretId: string | undefined;
}

/** Where a value came from. */
export type FieldSource = "code" | "default" | "parameter" | "secret";

/** The value of one field, and where it came from. */
export interface ResolvedField {
	readonly source: FieldSource;
	readonly value: FieldValue;
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
	const fields = collectFields(ALL_FIELDS, config, reader, problems, "", target);
	const replicas = (config.replicas ?? []).map((replica, index) => {
		const owner = `replicas[${String(index)}].`;
		const fieldNames = listReplicaFields(replica);
		const own: Partial<ResolvedReplica> = collectFields(fieldNames, toReplicaConfig(config, replica), reader, problems, owner);
		// A replica that names the master's secret is logged in to as the master is: one fetch serves both.
		const secretId = own.secretId === fields.secretId ? undefined : own.secretId;
		return { host: own.host, port: own.port ?? fields.port, secretId } as ResolvedReplica;
	});
	if (problems.length > 0) throw new ConfigurationError(problems);
	return Object.freeze({ ...fields, replicas });
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

/**
 * Resolves the id of the secret; `undefined` when user name and password are both given in code.
 * @throws ConfigurationError when it is missing, or a user name or password given in code is invalid.
 */
export function resolveSecretId(config: ITypeOrmAwsConnectorConfig, reader: ParameterReader | undefined): string | undefined {
	return resolveFields(["secretId"], config, reader).secretId;
}

/** The look-ups that resolving these fields will ask for: those whose value is not given in code. A replica belongs to the host. */
export function listLookups(config: ITypeOrmAwsConnectorConfig, names: readonly FieldName[]): IStructuredLookup[] {
	const replicas = names.includes("host") ? (config.replicas ?? []) : [];
	return [
		...names
			.filter((name) => isNeeded(name, config) && CONNECTOR_FIELDS[name].readRaw(config) === undefined)
			.map((name) => buildFieldLookup(name, config)),
		...replicas.flatMap((replica) => listLookups(toReplicaConfig(config, replica), listReplicaFields(replica))),
	];
}

function resolveFields<Name extends FieldName>(
	names: readonly Name[],
	config: ITypeOrmAwsConnectorConfig,
	reader: ParameterReader | undefined,
): Pick<ResolvedSettings, Name> {
	const problems: TypeOrmAwsConnectorError[] = [];
	const values = collectFields(names, config, reader, problems);
	if (problems.length > 0) throw new ConfigurationError(problems);
	return Object.freeze(values);
}

/** @param owner what stands before a field in messages, with its dot: nothing, or a replica. */
function collectFields<Name extends FieldName>(
	names: readonly Name[],
	config: ITypeOrmAwsConnectorConfig,
	reader: ParameterReader | undefined,
	problems: TypeOrmAwsConnectorError[],
	owner = "",
	target?: SecretTarget,
): Pick<ResolvedSettings, Name> {
	const values: Partial<Record<FieldName, FieldValue>> = {};
	for (const name of names) {
		if (!isNeeded(name, config)) continue;
		try {
			values[name] = resolveField(name, config, reader, owner, target).value;
		} catch (problem) {
			if (!isTypeOrmAwsConnectorError(problem)) throw problem;
			problems.push(problem);
		}
	}
	// What is given in code is the other half of what the secret holds.
	if (owner !== "" || (names as readonly FieldName[]).includes("secretId")) problems.push(...checkRawLogin(config, owner));
	return values as Pick<ResolvedSettings, Name>;
}

/** What is the replica's own: for the others it follows the master. */
export function listReplicaFields({ port, secretId, ssmLookups }: ITypeOrmAwsConnectorReplica): ("host" | "port" | "secretId")[] {
	const hasPort = port !== undefined || ssmLookups?.port !== undefined;
	const hasSecret = secretId !== undefined || ssmLookups?.secretId !== undefined;
	return ["host", ...(hasPort ? (["port"] as const) : []), ...(hasSecret ? (["secretId"] as const) : [])];
}

/** A replica in the shape of a connector, so that its fields are looked up and checked as a connector's are. */
export function toReplicaConfig(
	{ ssmLookupDefaults }: ITypeOrmAwsConnectorConfig,
	replica: ITypeOrmAwsConnectorReplica,
): ITypeOrmAwsConnectorConfig {
	return { ...replica, entities: [], ...(ssmLookupDefaults === undefined ? {} : { ssmLookupDefaults }) };
}

/** Whether the field is read at all. */
export function isNeeded(name: FieldName, config: ITypeOrmAwsConnectorConfig): boolean {
	const { isNeeded }: FieldDefinition = CONNECTOR_FIELDS[name];
	return isNeeded?.(config) ?? true;
}

/**
 * Resolves one field.
 * @param owner what stands before the field in messages, with its dot: nothing, or a replica.
 * @param target what the secret says.
 * @throws The one problem that it has.
 */
export function resolveField(
	name: FieldName,
	config: ITypeOrmAwsConnectorConfig,
	reader: ParameterReader | undefined,
	owner = "",
	target?: SecretTarget,
): ResolvedField {
	const field: FieldDefinition = CONNECTOR_FIELDS[name];
	const label = `${owner}${field.label}`;
	const option = `${owner}${field.option}`;
	const defaultValue = field.findDefault?.(config) ?? field.defaultValue;
	const raw = field.readRaw(config);
	if (raw !== undefined) {
		return { source: "code", value: accept(parseRaw(field.accepts, raw), (fault) => new OptionInvalidError(option, fault)) };
	}

	const stored = readTarget(name, target);
	if (stored !== undefined) return { source: "secret", value: accept(parseText(field.accepts, stored.text), stored.refuse(field)) };

	if (reader === undefined) {
		if (defaultValue !== undefined) return { source: "default", value: defaultValue };
		throw new OptionInvalidError(option, "is not given, and no ParameterStoreConfigModule is registered to look it up");
	}
	const lookup = buildFieldLookup(name, config);
	const text = readParameter(reader, lookup, label);
	if (text !== null) {
		const refuse = (fault: string): ParameterInvalidError => new ParameterInvalidError(label, fault, trace(reader, lookup));
		return { source: "parameter", value: accept(parseText(field.accepts, text), refuse) };
	}
	if (defaultValue !== undefined) return { source: "default", value: defaultValue };
	throw new ParameterNotFoundError(label, trace(reader, lookup));
}

/** Only the kind of a value gets into the error, never the value: it stands in a secret. */
function readTarget(
	name: FieldName,
	target: SecretTarget | undefined,
): { refuse: (field: FieldDefinition) => () => SecretMalformedError; text: string } | undefined {
	const field = SECRET_TARGET_FIELDS.find((candidate) => candidate === name);
	const value = field && target?.values[field];
	if (target === undefined || value === undefined) return undefined;
	const { secretId } = target;
	return {
		refuse:
			({ accepts }) =>
			() =>
				new SecretMalformedError(secretId, "invalid-field", value.key, `It must be ${describeKind(accepts)}.`),
		text: value.text,
	};
}

function accept(parsed: Parsed, refuse: (fault: string) => TypeOrmAwsConnectorError): FieldValue {
	if ("fault" in parsed) throw refuse(parsed.fault);
	return parsed.value;
}

function readParameter(reader: ParameterReader, lookup: IStructuredLookup, label: string): string | null {
	let text: unknown;
	try {
		text = reader.get(lookup);
	} catch (error) {
		if (isTypeOrmAwsConnectorError(error)) throw error;
		// Its text may quote the value.
		const threw =
			error instanceof Error
				? `the parameter store threw ${error.name}; its text is withheld, since it may quote a value`
				: undefined;
		throw new LookupInvalidError(label, threw ?? "the parameter store refused it", lookup);
	}
	if (text === undefined || text === null) return null;
	if (typeof text === "string") return text;
	throw new ParameterInvalidError(
		label,
		`must be text, but get() of the parameter store returned a value of type ${typeof text}`,
		trace(reader, lookup),
	);
}

function trace(reader: ParameterReader, lookup: IStructuredLookup): { lookup: IStructuredLookup; path?: string | undefined } {
	return { lookup, path: reader.describePath?.(lookup) };
}

/** What is wrong with a login given in code. Never quoted, never trimmed: a password may begin and end with anything. */
export function checkRawLogin(
	{ password, username }: Pick<ITypeOrmAwsConnectorConfig, "password" | "username">,
	owner = "",
): TypeOrmAwsConnectorError[] {
	return Object.entries({ username, password })
		.filter(([, value]: [string, unknown]) => value !== undefined && (typeof value !== "string" || value === ""))
		.map(([option]) => new OptionInvalidError(`${owner}${option}`, "must be a string that is not empty"));
}
