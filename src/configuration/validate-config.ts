/** Refuses options that nothing would read, or that cannot mean anything, before the first request is made. */
import type { TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ConfigurationError, LookupInvalidError, OptionInvalidError } from "../errors/errors.js";
import { LEADING_SEGMENTS, parseSegment } from "../parameter-store/parameter-path.js";
import type {
	ITypeOrmAwsConnectorAws,
	ITypeOrmAwsConnectorBinding,
	ITypeOrmAwsConnectorConfig,
	TDatabaseConfigRotation,
} from "./connector.options.js";
import { CONNECTOR_FIELDS, type FieldName, MAXIMUM_TIMER_MS } from "./connector-fields.js";
import type { ISecretKeys, TCredentialsSource, TCredentialsSourceName } from "./credentials.options.js";
import { findNearestName } from "./nearest-name.js";

/** Says what is wrong with a value, as the end of `Option "name" …`; `undefined` when nothing is. */
type Check = (value: unknown) => string | undefined;
type Checks<Options> = Readonly<Record<keyof Required<Options>, Check>>;

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

const AWS: Checks<ITypeOrmAwsConnectorAws> = {
	credentials: (value) =>
		isObject(value) || typeof value === "function" ? undefined : "must be an AWS identity or a function that fetches one",
	endpoint: (value) =>
		typeof value === "string" && /^https?:\/\//i.test(value) && URL.canParse(value) ? undefined : "must be an http or https URL",
	region: (value) => (typeof value === "string" && value.trim() !== "" ? undefined : "must be the name of a region"),
	secretsManagerClient: (value) =>
		isObject(value) && typeof value["send"] === "function" ? undefined : "must be a SecretsManagerClient",
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
const CREDENTIALS: { readonly [Name in TCredentialsSourceName]?: Checks<Extract<TCredentialsSource, { source: Name }>> } = {
	"secrets-manager": {
		keys: checkGroup,
		shouldProvideTarget: (value) => (typeof value === "boolean" ? undefined : "must be true or false"),
		source: checkLater,
	},
	static: { source: checkLater },
};

const ROOT: Checks<ITypeOrmAwsConnectorConfig> = {
	aws: checkGroup,
	connectionTimeoutMs: checkLater,
	credentials: checkGroup,
	databaseName: checkLater,
	entities: (value) => (isObject(value) ? undefined : "must be an array or an object of entities"),
	host: checkLater,
	idleTimeoutMs: checkLater,
	isVerbose: checkLater,
	password: checkLater,
	poolSize: checkLater,
	port: checkLater,
	relationLoadStrategy: checkLater,
	rotation: checkGroup,
	secretId: checkLater,
	shouldSynchronize: checkLater,
	ssmLookupDefaults: checkGroup,
	ssmLookups: checkGroup,
	type: checkLater,
	username: checkLater,
};

const BINDING: readonly string[] = ["dataSourceToken", "parameterStoreToken"] satisfies (keyof ITypeOrmAwsConnectorBinding)[];

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
	const missing = config["entities"] === undefined ? [new OptionInvalidError("entities", "is required")] : [];
	return [...missing, ...checkOptions("", config, ROOT), ...checkGroups(config)];
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null;
}

function checkGroup(value: unknown): string | undefined {
	return isGroup(value) ? undefined : "must be an object";
}

function isGroup(value: unknown): value is Record<string, unknown> {
	return isObject(value) && !Array.isArray(value);
}

function checkOptions(prefix: string, options: object, checks: Readonly<Record<string, Check>>): TypeOrmAwsConnectorError[] {
	const problems = findUnknown(prefix, options, Object.keys(checks));
	for (const [name, value] of Object.entries(options)) {
		if (value === undefined || !Object.hasOwn(checks, name)) continue;
		const fault = checks[name]?.(value);
		if (fault !== undefined) problems.push(new OptionInvalidError(`${prefix}${name}`, fault));
	}
	return problems;
}

function findUnknown(prefix: string, options: object, known: readonly string[]): TypeOrmAwsConnectorError[] {
	return Object.keys(options)
		.filter((name) => !known.includes(name))
		.map((name) => new OptionInvalidError(`${prefix}${name}`, describeUnknown(prefix, name, known)));
}

function describeUnknown(prefix: string, name: string, known: readonly string[]): string {
	if (prefix === "" && BINDING.includes(name))
		return "belongs beside the factory or class that makes the configuration, not in the configuration";
	return `is unknown; the nearest known one is "${prefix}${String(findNearestName(name, known))}"`;
}

/** What is inside the groups. A group that is no object has been reported already. */
function checkGroups({
	aws,
	credentials,
	rotation,
	ssmLookupDefaults,
	ssmLookups,
}: Readonly<Record<string, unknown>>): TypeOrmAwsConnectorError[] {
	return [
		...(isGroup(aws) ? checkOptions("aws.", aws, AWS) : []),
		...(isGroup(credentials) ? checkCredentials(credentials) : []),
		...(isGroup(rotation) ? checkOptions("rotation.", rotation, ROTATION) : []),
		...(isGroup(ssmLookupDefaults) ? checkSegments("ssmLookupDefaults", "ssmLookupDefaults.", ssmLookupDefaults, []) : []),
		...(isGroup(ssmLookups) ? checkLookups(ssmLookups) : []),
	];
}

function checkCredentials(credentials: Readonly<Record<string, unknown>>): TypeOrmAwsConnectorError[] {
	const { keys, source } = credentials;
	if (typeof source !== "string" || !Object.hasOwn(CREDENTIALS, source)) {
		const names = Object.keys(CREDENTIALS).map((name) => `"${name}"`);
		return [new OptionInvalidError("credentials.source", `must be one of ${names.join(", ")}`)];
	}
	return [
		...checkOptions("credentials.", credentials, CREDENTIALS[source as TCredentialsSourceName] ?? {}),
		...(isGroup(keys) ? checkOptions("credentials.keys.", keys, SECRET_KEYS) : []),
	];
}

function checkLookups(lookups: Readonly<Record<string, unknown>>): TypeOrmAwsConnectorError[] {
	const problems = findUnknown("ssmLookups.", lookups, Object.keys(CONNECTOR_FIELDS));
	for (const [name, lookup] of Object.entries(lookups)) {
		if (lookup === undefined || !Object.hasOwn(CONNECTOR_FIELDS, name)) continue;
		const option = `ssmLookups.${name}`;
		if (!isGroup(lookup)) {
			problems.push(new OptionInvalidError(option, 'must be an object with a "path"'));
			continue;
		}
		const { label } = CONNECTOR_FIELDS[name as FieldName];
		problems.push(...checkPath(label, lookup), ...checkSegments(label, `${option}.`, lookup, ["path"]));
	}
	return problems;
}

function checkPath(label: string, lookup: Record<string, unknown>): TypeOrmAwsConnectorError[] {
	const { path } = lookup;
	if (!Array.isArray(path) || path.length === 0) {
		return [new LookupInvalidError(label, '"path" must be a list of at least one segment', lookup)];
	}
	return Array.from(path, (segment, index) => checkSegment(label, `path[${String(index)}]`, segment, lookup)).flat();
}

function checkSegments(
	label: string,
	prefix: string,
	lookup: Record<string, unknown>,
	others: readonly string[],
): TypeOrmAwsConnectorError[] {
	const given = LEADING_SEGMENTS.filter((name) => lookup[name] !== undefined);
	return [
		...findUnknown(prefix, lookup, [...LEADING_SEGMENTS, ...others]),
		...given.flatMap((name) => checkSegment(label, name, lookup[name], lookup)),
	];
}

function checkSegment(label: string, name: string, segment: unknown, lookup: object): TypeOrmAwsConnectorError[] {
	try {
		parseSegment(segment, (reason) => new LookupInvalidError(label, `segment "${name}" ${reason}`, lookup));
		return [];
	} catch (problem) {
		return [problem as LookupInvalidError];
	}
}
