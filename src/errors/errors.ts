/** Every error this library raises. Each one writes its own text from typed fields; none can carry a secret. */
import { type ConnectorErrorOptions, TypeOrmAwsConnectorError } from "./connector.error.js";

/**
 * Where a value was looked for, as shown in messages: the full SSM path where it is known, and the structured lookup.
 */
export interface LookupTrace {
	/** A text is the full name itself. */
	readonly lookup: object | string;
	/** The full path, where it is known. */
	readonly path?: string | undefined;
}

/**
 * Why a secret cannot be used. The text itself is never part of an error: V8 quotes it in its own JSON messages.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
 */
export type SecretDefect = "empty" | "invalid-field" | "missing-field" | "not-json" | "not-object" | "not-utf8" | "too-large";

const SECRET_DEFECTS: Readonly<Record<SecretDefect, string>> = {
	empty: "has neither SecretString nor SecretBinary",
	"invalid-field": "has a field of the wrong form",
	"missing-field": "lacks a field",
	"not-json": "is not valid JSON",
	"not-object": "is JSON, but not an object",
	"not-utf8": "is binary and not valid UTF-8",
	"too-large": "is larger than the 65,536 bytes Secrets Manager allows",
};

/**
 * Why Secrets Manager gave no secret, or took none: `denied` by a policy, `decryption` refused or impossible for its
 * KMS key, `no-identity` to ask with, `throttled`, `unavailable`, an answer that is no answer (`malformed-response`),
 * or a request that it calls `invalid`.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
 */
export type SecretFailureKind = "decryption" | "denied" | "invalid" | "malformed-response" | "no-identity" | "throttled" | "unavailable";

/**
 * One or more settings are missing or invalid; all of them are listed, each with its label and the path that was tried.
 * Correct the parameters or the options named in `problems`; another attempt without a change ends the same way.
 * @example
 * catch (error) { if (error instanceof ConfigurationError) error.problems.forEach((problem) => console.error(problem.message)); }
 */
export class ConfigurationError extends TypeOrmAwsConnectorError {
	readonly code = "ERR_CONNECTOR_CONFIGURATION_INVALID";
	override readonly name = "ConfigurationError";

	/** Every single fault, in the order of the field table. */
	readonly problems!: readonly TypeOrmAwsConnectorError[];

	constructor(problems: readonly TypeOrmAwsConnectorError[]) {
		const heading =
			problems.length === 1
				? "The database configuration is invalid:"
				: `The database configuration has ${String(problems.length)} problems:`;
		const isEmptyPlace = problems.length > 2 && problems.every((problem) => problem instanceof ParameterNotFoundError);
		super(
			isEmptyPlace
				? [`${heading} none of these parameters exists. ${EMPTY_PLACE}`, ...problems.map((problem) => `  - ${problem.fault}`)]
				: [heading, ...problems.map((problem) => `  - ${problem.message}`)],
		);
		// Not enumerable: the message already lists them, and an inspected error should say it once.
		Object.defineProperty(this, "problems", { value: problems });
	}
}

/** What to do where nothing is found, in one sentence: single corrections would hide that the place is wrong. */
const EMPTY_PLACE = "Look at the path, the region and the account; what creates them: npx nestjs-typeorm-aws-connector provision";

/**
 * An option given in code is unknown, contradictory or of the wrong kind: at registration, at start, or among the
 * `problems` of a ConfigurationError.
 * @example
 * if (error instanceof OptionInvalidError) console.error(`Correct the option ${error.option}.`);
 */
export class OptionInvalidError extends TypeOrmAwsConnectorError {
	readonly code = "ERR_CONNECTOR_OPTION_INVALID";
	override readonly name = "OptionInvalidError";

	constructor(
		/** The option as its user writes it, such as `rotation.intervalMs`. */
		readonly option: string,
		expectation: string,
		options?: ErrorOptions,
	) {
		super(`Option "${option}" ${expectation}.`, options);
	}
}

/**
 * A structured lookup cannot be turned into a path: a segment is missing, empty or holds a slash.
 * @example
 * parameters.get({ path: ["typeorm/pool-size"] }); // throws: "path[0]" must not contain "/"
 */
export class LookupInvalidError extends TypeOrmAwsConnectorError {
	readonly code = "ERR_CONNECTOR_LOOKUP_INVALID";
	override readonly name = "LookupInvalidError";

	/** @param lookup a text is not quoted: it may be a value in the place of a name. */
	constructor(subject: string, reason: string, lookup: object | string, options?: ErrorOptions) {
		const given = typeof lookup === "string" ? "" : ` Lookup: ${JSON.stringify(lookup)}.`;
		super(`The lookup of "${subject}" is invalid: ${reason}.${given}`, options);
	}
}

/**
 * A required parameter does not exist. It has no `cause`: nothing failed, the parameter is simply not there.
 * @example
 * const missing = configurationError.problems.filter((problem) => problem instanceof ParameterNotFoundError);
 * console.error(missing.map(({ field }) => field)); // ["host", "port"]
 */
export class ParameterNotFoundError extends TypeOrmAwsConnectorError {
	readonly code = "ERR_CONNECTOR_PARAMETER_NOT_FOUND";
	override readonly name = "ParameterNotFoundError";

	/** @internal The message without what to do. */
	readonly fault!: string;

	constructor(
		/** Label of the field. */
		readonly field: string,
		trace: LookupTrace,
	) {
		const fault = `"${field}" was not found${describeTrace(trace)}`;
		super(`${fault}. Create the parameter, point ssmLookups at another one, or give the value in the connector's options.`);
		Object.defineProperty(this, "fault", { value: fault });
	}
}

/**
 * A parameter exists, but its text is not what the field needs, or it is a StringList.
 * @example
 * if (error instanceof ParameterInvalidError) console.error(error.field, error.message);
 */
export class ParameterInvalidError extends TypeOrmAwsConnectorError {
	readonly code = "ERR_CONNECTOR_PARAMETER_INVALID";
	override readonly name = "ParameterInvalidError";

	constructor(
		/** Label of the field. */
		readonly field: string,
		expectation: string,
		trace: LookupTrace,
	) {
		super(`"${field}" ${expectation}${describeTrace(trace)}.`);
	}
}

/**
 * A synchronous `get` asked for a parameter that was never fetched, because the module was told to load on demand.
 * @example
 * await parameters.getMany([lookup]);
 * parameters.get(lookup); // does not throw any more
 */
export class ParameterNotLoadedError extends TypeOrmAwsConnectorError {
	readonly code = "ERR_CONNECTOR_PARAMETER_NOT_LOADED";
	override readonly name = "ParameterNotLoadedError";

	constructor(
		/** Full name of the parameter. */
		readonly path: string,
	) {
		super(
			`Parameter "${path}" has not been fetched: the module loads on demand (shouldLoadOnDemand: true). Await getMany([lookup]) before get(lookup), or load the whole tree at start.`,
		);
	}
}

/**
 * Parameter Store could not be read: denied, throttled or out of reach. `isTransient` tells whether waiting may help.
 * @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html
 * @example
 * if (error instanceof ParameterStoreUnavailableError && !error.isTransient) console.error("Look at the IAM policy.", error.cause);
 */
export class ParameterStoreUnavailableError extends TypeOrmAwsConnectorError {
	readonly code = "ERR_CONNECTOR_PARAMETER_STORE_UNAVAILABLE";
	override readonly isTransient: boolean;
	override readonly name = "ParameterStoreUnavailableError";

	constructor(subject: string, reason: string, isTransient: boolean, options?: ConnectorErrorOptions) {
		super(`Parameter Store could not be read (${subject}): ${reason}.`, options);
		this.isTransient = isTransient;
	}
}

/** Where a secret was looked for. */
export interface SecretTrace {
	/** What names it: a parameter, or an option. */
	readonly origin?: string | undefined;
	/** The region that was asked, where it is known. */
	readonly region?: string | undefined;
}

/**
 * The secret does not exist in this account and region, or has no version with the stage that was asked for.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
 * @example
 * if (error instanceof SecretNotFoundError) console.error(`Is ${error.secretId} in this region?`);
 */
export class SecretNotFoundError extends TypeOrmAwsConnectorError {
	readonly code = "ERR_CONNECTOR_SECRET_NOT_FOUND";
	override readonly name = "SecretNotFoundError";

	/** The region that was asked, where it is known. */
	readonly region!: string | undefined;

	constructor(
		/** Name or ARN that was asked for. */
		readonly secretId: string,
		{ origin, region, ...options }: ConnectorErrorOptions & SecretTrace = {},
	) {
		const place = region === undefined ? "" : ` in region ${region}`;
		const source = origin === undefined ? "" : ` Its name comes from ${origin}.`;
		super(`Secret "${secretId}" was not found${place}.${source} Check its name, its region and that it holds a value.`, options);
		Object.defineProperty(this, "region", { value: region });
	}
}

/**
 * The secret exists but does not hold what is needed. Never has a `cause`: a parser's message would quote the secret.
 * @example
 * if (error instanceof SecretMalformedError) console.error(error.secretId, error.reason, error.field); // "app/database", "missing-field", "password"
 */
export class SecretMalformedError extends TypeOrmAwsConnectorError {
	readonly code = "ERR_CONNECTOR_SECRET_MALFORMED";
	override readonly name = "SecretMalformedError";

	constructor(
		/** Name or ARN that was asked for. */
		readonly secretId: string,
		/** What is wrong with it. */
		readonly reason: SecretDefect,
		/** The field concerned, where it is one. */
		readonly field?: string,
		/** What it must be, as a sentence. Default: what a login has to look like, where it is the form that is wrong. */
		expectation: string = LOGIN_DEFECTS.has(reason) ? 'It must be a JSON object with the strings "username" and "password".' : "",
	) {
		super(`Secret "${secretId}" ${describeDefect(reason, field)}. ${expectation}`.trimEnd());
	}
}

const LOGIN_DEFECTS: ReadonlySet<SecretDefect> = new Set(["missing-field", "not-json", "not-object"]);

function describeDefect(reason: SecretDefect, field: string | undefined): string {
	if (field === undefined) return SECRET_DEFECTS[reason];
	return reason === "missing-field" ? `lacks "${field}" as a non-empty string` : `holds a "${field}" of the wrong form`;
}

/**
 * Secrets Manager could not be asked (denied, throttled or out of reach), or there is no valid AWS identity to sign a
 * login token with. `kind` tells which, `isTransient` whether waiting may help.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
 * @example
 * if (error instanceof SecretUnavailableError && error.kind === "denied") console.error("Look at the IAM policy.", error.cause);
 */
export class SecretUnavailableError extends TypeOrmAwsConnectorError {
	readonly code = "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE";
	override readonly isTransient: boolean;
	/** Why. */
	readonly kind: SecretFailureKind;
	override readonly name = "SecretUnavailableError";

	constructor(
		/** Name or ARN that was asked for; `undefined` where it was a login token that could not be signed. */
		readonly secretId: string | undefined,
		reason: string,
		isTransient: boolean,
		{
			kind = "unavailable",
			verb = "loaded",
			...options
		}: ConnectorErrorOptions & { kind?: SecretFailureKind; verb?: "loaded" | "stored" } = {},
	) {
		super(
			secretId === undefined ? `No login token could be signed: ${reason}.` : `Secret "${secretId}" could not be ${verb}: ${reason}.`,
			options,
		);
		this.isTransient = isTransient;
		this.kind = kind;
	}
}

/**
 * A replacement pool could not be opened (`connect`) or did not answer `SELECT 1` (`verify`). The live pool is
 * untouched. The driver's own error is the `cause`.
 * @example
 * const result = await rotator.rotateDatabaseConnection();
 * if (result.outcome === "failed" && result.error instanceof StagingFailedError) console.error(result.error.phase, result.error.cause);
 */
export class StagingFailedError extends TypeOrmAwsConnectorError {
	readonly code = "ERR_CONNECTOR_STAGING_FAILED";
	override readonly isTransient = true;
	override readonly name = "StagingFailedError";

	constructor(
		/** What was being done. */
		readonly phase: "connect" | "verify",
		/** Which server: `primary` or `replica0`, `replica1`, … */
		readonly server: string,
		reason: string,
		options?: ErrorOptions,
	) {
		super(`The new connection to the ${server} failed to ${phase}: ${reason}. The live pool keeps serving.`, options);
	}
}

/**
 * A rotation or a secret was asked for after the application had begun to shut down, or the shutdown called it off.
 * @example
 * await rotator.rotateDatabaseConnection().catch((error) => { if (!(error instanceof ConnectorClosedError)) throw error; });
 */
export class ConnectorClosedError extends TypeOrmAwsConnectorError {
	readonly code = "ERR_CONNECTOR_CLOSED";
	override readonly name = "ConnectorClosedError";

	constructor(message = "The rotator is closed. No rotation runs during or after the shutdown of the application.") {
		super(message);
	}
}

/**
 * A rotating connector is bound to a DataSource whose options came from another connector. The application does not
 * start.
 * @example
 * // Among several connectors, name the one that makes the options:
 * TypeOrmModule.forRootAsync({ name: "reports", inject: [getConnectorToken("reports")], useFactory });
 */
export class DataSourceMismatchError extends TypeOrmAwsConnectorError {
	readonly code = "ERR_CONNECTOR_DATA_SOURCE_MISMATCH";
	override readonly name = "DataSourceMismatchError";

	constructor(
		/** The connector whose rotator is bound to the DataSource. */
		readonly boundConnector: string,
		/** The connector that made the options of that DataSource. */
		readonly optionsConnector: string,
	) {
		super(
			boundConnector === optionsConnector
				? `Connector "${boundConnector}" is bound to a DataSource whose options were made by another connector of that name: ` +
						"give one of the two registrations its own dataSourceName, and make the DataSource anew at each start."
				: `Connector "${boundConnector}" is bound to a DataSource whose options were made by connector "${optionsConnector}". ` +
						`Inject the right connector where the DataSource is made: inject: [getConnectorToken("<dataSourceName>")].`,
		);
	}
}

/**
 * This DataSource cannot be rotated: its engine, its driver, its TypeORM version or an option such as `url` offers no
 * way to do it safely.
 * @example
 * if (error instanceof RotationUnsupportedError) console.error(error.message); // The DataSource cannot be rotated: type "mysql" has no rotation.
 */
export class RotationUnsupportedError extends TypeOrmAwsConnectorError {
	readonly code = "ERR_CONNECTOR_ROTATION_UNSUPPORTED";
	override readonly name = "RotationUnsupportedError";

	constructor(reason: string, options?: ErrorOptions) {
		super(`The DataSource cannot be rotated: ${reason}.`, options);
	}
}

/**
 * Something did not end within its deadline: a request to AWS, a connect, a `SELECT 1`.
 * @example
 * if (error instanceof ConnectorTimeoutError) console.error(`${error.subject}: ${error.deadlineMs} ms are over.`);
 */
export class ConnectorTimeoutError extends TypeOrmAwsConnectorError {
	readonly code = "ERR_CONNECTOR_TIMEOUT";
	override readonly isTransient = true;
	override readonly name = "ConnectorTimeoutError";

	constructor(
		/** What was waited for. */
		readonly subject: string,
		/** The deadline in milliseconds. */
		readonly deadlineMs: number,
	) {
		super(`${subject} did not end within ${String(deadlineMs)} ms.`);
	}
}

function describeTrace({ lookup, path }: LookupTrace): string {
	const tried = path === undefined ? "" : ` at "${path}"`;
	return typeof lookup === "string" ? tried : `${tried} (lookup ${JSON.stringify(lookup)})`;
}
