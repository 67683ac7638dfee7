/** Refuses options that nothing would read, or that cannot mean anything, before the first request is made. */
import type { TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ConfigurationError, OptionInvalidError } from "../errors/errors.js";
import { findAllowedHostsFault } from "./allowed-hosts.js";
import { AWS_CHECKS } from "../aws/check-aws.js";
import { checkIam, DSQL_IAM_CHECKS, RDS_IAM_CHECKS } from "./check-iam.js";
import { checkLookups, checkSegments, LOOKUP_NAMES } from "./check-lookups.js";
import { type Check, checkGroup, checkOptions, type Checks, isGroup, isObject } from "../support/check-options.js";
import { checkReplicas } from "./check-lookups.js";
import { checkTls, checkTlsKind } from "./check-tls.js";
import { checkTypeOrmOptions } from "./check-typeorm-options.js";
import type { ITypeOrmAwsConnectorConfig, TDatabaseConfigRotation } from "./connector.options.js";
import { MAXIMUM_TIMER_MS } from "./connector-fields.js";
import type { ISecretKeys, TCredentialsSource } from "./credentials.options.js";
import { expandConnectionSecret, findConnectionSecret } from "./credentials-source.js";
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
	allowedHosts: findAllowedHostsFault,
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
	"parameter-store": { keys: checkGroup, source: checkLater },
	"rds-iam": RDS_IAM_CHECKS,
	"secrets-manager": {
		keys: checkGroup,
		shouldReadEndpointFromSecret: (value) => (typeof value === "boolean" ? undefined : "must be true or false"),
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
	shouldLogFields: (value) => (typeof value === "boolean" ? undefined : "must be true or false"),
	shouldSynchronize: checkLater,
	ssmLookupDefaults: checkGroup,
	ssmLookups: checkGroup,
	tls: checkTlsKind,
	type: checkLater,
	typeOrmOptions: checkGroup,
	username: checkLater,
};

/** Configurations that are normalized already. */
const normalized = new WeakSet<ITypeOrmAwsConnectorConfig>();

/**
 * Checks a connector's options and gives them their one form, in which a connection in a secret is a secret. Options
 * that are normalized already are returned as they are, so that providers and the service check them once.
 * @throws ConfigurationError with every fault found.
 */
export function normalizeConfig(config: ITypeOrmAwsConnectorConfig): ITypeOrmAwsConnectorConfig {
	if (normalized.has(config)) return config;
	validateConfig(config);
	const form = expandConnectionSecret(config);
	normalized.add(form);
	return form;
}

/**
 * Checks the shape of a connector's options: unknown names, groups, lookups, and every option that is not a field.
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
		...checkLogin(config),
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
		...(isGroup(ssmLookups) ? checkLookups("", ssmLookups, LOOKUP_NAMES) : []),
		...checkTls(tls, typeOrmOptions),
		...(isGroup(typeOrmOptions) ? checkTypeOrmOptions(typeOrmOptions) : []),
	];
}

/** What a login lacks that is not in a secret, and a secret that is named twice. */
function checkLogin({
	credentials,
	password,
	secretId,
	ssmLookups,
	username,
}: Readonly<Record<string, unknown>>): TypeOrmAwsConnectorError[] {
	const lookups = isGroup(ssmLookups) ? ssmLookups : {};
	const source = isGroup(credentials) ? credentials["source"] : undefined;
	const refuse = (option: string, fault: string): OptionInvalidError => new OptionInvalidError(option, fault);
	if (findConnectionSecret(lookups["connection"]) !== undefined) {
		if (secretId !== undefined) return [refuse("ssmLookups.connection", 'names a secret, and so does "secretId"')];
		if (source === undefined || source === "secrets-manager") return [];
		return [refuse("ssmLookups.connection", `names a secret, which has no meaning with the source of credentials that is given`)];
	}
	const missing = Object.entries({ username, password }).filter(([, value]) => value === undefined);
	if (source === "static") return missing.map(([part]) => refuse(part, 'is needed with credentials.source "static"'));
	if (source !== "parameter-store" || lookups["connection"] !== undefined) return [];
	return missing
		.filter(([part]) => lookups[part] === undefined)
		.map(([part]) => refuse(`ssmLookups.${part}`, 'is needed with credentials.source "parameter-store", or "ssmLookups.connection"'));
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
