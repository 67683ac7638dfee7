/** Refuses options that nothing would read, or that cannot mean anything, before the first request is made. */
import type { TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ConfigurationError, OptionInvalidError } from "../errors/errors.js";
import { AWS_CHECKS } from "./check-aws.js";
import { checkIam, DSQL_IAM_CHECKS, RDS_IAM_CHECKS } from "./check-iam.js";
import { checkLookups, checkSegments } from "./check-lookups.js";
import { type Check, checkGroup, checkOptions, type Checks, isGroup, isObject } from "../support/check-options.js";
import { checkReplicas } from "./check-replicas.js";
import { checkTls, checkTlsKind } from "./check-tls.js";
import { checkTypeOrmOptions } from "./check-typeorm-options.js";
import type { ITypeOrmAwsConnectorConfig, TDatabaseConfigRotation } from "./connector.options.js";
import { CONNECTOR_FIELDS, type FieldName, MAXIMUM_TIMER_MS } from "./connector-fields.js";
import type { ISecretKeys, TCredentialsSource } from "./credentials.options.js";
import { MISPLACED_OPTIONS } from "./misplaced-options.js";

/** Values of fields are checked when they are resolved, so that one error names them together with what SSM lacks. */
const checkLater: Check = () => undefined;

const ROTATION: Checks<TDatabaseConfigRotation> = {
	drainTimeoutMs: (value) =>
		Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAXIMUM_TIMER_MS
			? undefined
			: `must be an integer from 0 to ${String(MAXIMUM_TIMER_MS)}`,
	intervalMs: checkLater,
	isEnabled: checkLater,
	shouldRotateOnAuthFailure: (value) => (typeof value === "boolean" ? undefined : "must be true or false"),
	shouldUsePendingSecret: (value) => (typeof value === "boolean" ? undefined : "must be true or false"),
};

const checkKey: Check = (value) => (typeof value === "string" && value !== "" ? undefined : "must be the name of a value in the secret");

const SECRET_KEYS: Checks<ISecretKeys> = {
	databaseName: checkKey,
	host: checkKey,
	password: checkKey,
	port: checkKey,
	type: checkKey,
	username: checkKey,
};

/** By source: the options that go with it. */
const CREDENTIALS: { readonly [Name in TCredentialsSource["source"]]: Checks<Extract<TCredentialsSource, { source: Name }>> } = {
	"dsql-iam": DSQL_IAM_CHECKS,
	"rds-iam": RDS_IAM_CHECKS,
	"secrets-manager": {
		keys: checkGroup,
		shouldProvideTarget: (value) => (typeof value === "boolean" ? undefined : "must be true or false"),
		source: checkLater,
	},
	static: { source: checkLater },
};

const ROOT: Checks<ITypeOrmAwsConnectorConfig> = {
	autoLoadEntities: (value) => (typeof value === "boolean" ? undefined : "must be true or false"),
	aws: checkGroup,
	connectionTimeoutMs: checkLater,
	credentials: checkGroup,
	databaseName: checkLater,
	defaultMode: (value) => (value === "master" || value === "slave" ? undefined : 'must be "master" or "slave"'),
	entities: (value) => (isObject(value) ? undefined : "must be an array or an object of entities"),
	host: checkLater,
	idleTimeoutMs: checkLater,
	isPlaintextAllowed: (value) => (typeof value === "boolean" ? undefined : "must be true or false"),
	isVerbose: checkLater,
	password: checkLater,
	poolSize: checkLater,
	port: checkLater,
	relationLoadStrategy: checkLater,
	replicas: (value) => (Array.isArray(value) ? undefined : "must be a list of replicas"),
	rotation: checkGroup,
	secretId: checkLater,
	shouldSynchronize: checkLater,
	ssmLookupDefaults: checkGroup,
	ssmLookups: checkGroup,
	tls: checkTlsKind,
	type: checkLater,
	typeOrmOptions: checkGroup,
	username: checkLater,
};

const FIELD_NAMES = Object.keys(CONNECTOR_FIELDS) as readonly FieldName[];

/**
 * Checks the shape of a connector's options: unknown names, groups, look-ups, and every option that is not a field.
 * @throws ConfigurationError with every fault found.
 */
export function validateConfig(config: ITypeOrmAwsConnectorConfig): void {
	const problems = checkConfig(config);
	if (problems.length > 0) throw new ConfigurationError(problems);
}

function checkConfig(config: unknown): TypeOrmAwsConnectorError[] {
	if (!isObject(config)) return [new OptionInvalidError("config", "must be an object")];
	return [
		...checkEntities(config),
		...checkOptions("", config, ROOT, MISPLACED_OPTIONS),
		...checkGroups(config),
		...checkIam(config),
		...checkStatic(config),
	];
}

function checkEntities({ autoLoadEntities, entities }: Readonly<Record<string, unknown>>): TypeOrmAwsConnectorError[] {
	if (entities !== undefined || autoLoadEntities === true) return [];
	const advice = "list TypeORM's entities, or use autoLoadEntities: true for those of TypeOrmModule.forFeature()";
	return [new OptionInvalidError("entities", `is required: ${advice}`)];
}

/** What is inside the groups. A group that is no object has been reported already. */
function checkGroups({
	aws,
	credentials,
	defaultMode,
	replicas,
	rotation,
	ssmLookupDefaults,
	ssmLookups,
	tls,
	typeOrmOptions,
}: Readonly<Record<string, unknown>>): TypeOrmAwsConnectorError[] {
	return [
		...(isGroup(aws) ? checkOptions("aws.", aws, AWS_CHECKS) : []),
		...(isGroup(credentials) ? checkCredentials(credentials) : []),
		...(replicas === undefined && defaultMode !== undefined ? [new OptionInvalidError("defaultMode", 'needs "replicas"')] : []),
		...(Array.isArray(replicas) ? checkReplicas(replicas) : []),
		...(isGroup(rotation) ? checkOptions("rotation.", rotation, ROTATION) : []),
		...(isGroup(ssmLookupDefaults) ? checkSegments("ssmLookupDefaults", "ssmLookupDefaults.", ssmLookupDefaults, []) : []),
		...(isGroup(ssmLookups) ? checkLookups("", ssmLookups, FIELD_NAMES) : []),
		...checkTls(tls, typeOrmOptions),
		...(isGroup(typeOrmOptions) ? checkTypeOrmOptions(typeOrmOptions) : []),
	];
}

/** A login that is given in code is given whole. */
function checkStatic({ credentials, password, username }: Readonly<Record<string, unknown>>): TypeOrmAwsConnectorError[] {
	if (!isGroup(credentials) || credentials["source"] !== "static") return [];
	return Object.entries({ username, password })
		.filter(([, value]) => value === undefined)
		.map(([option]) => new OptionInvalidError(option, 'is needed with credentials.source "static"'));
}

function checkCredentials(credentials: Readonly<Record<string, unknown>>): TypeOrmAwsConnectorError[] {
	const { keys, source } = credentials;
	if (typeof source !== "string" || !Object.hasOwn(CREDENTIALS, source)) {
		const names = Object.keys(CREDENTIALS).map((name) => `"${name}"`);
		return [new OptionInvalidError("credentials.source", `must be one of ${names.join(", ")}`)];
	}
	return [
		...checkOptions("credentials.", credentials, CREDENTIALS[source as TCredentialsSource["source"]]),
		...(isGroup(keys) ? checkOptions("credentials.keys.", keys, SECRET_KEYS) : []),
	];
}
