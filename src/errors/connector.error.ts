/** The base of every error of this library, and the way to recognise one across copies of the library. */

import { cleanText } from "./clean-text.js";

/** Registered under a global key, since an application may have two installed versions. */
const CONNECTOR_ERROR = Symbol.for("nestjs-typeorm-aws-connector.error");

/** Stable codes. Match on these, never on the text of a message. */
export type TConnectorErrorCode =
	| "ERR_CONNECTOR_CLOSED"
	| "ERR_CONNECTOR_CONFIGURATION_INVALID"
	| "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE"
	| "ERR_CONNECTOR_DATA_SOURCE_MISMATCH"
	| "ERR_CONNECTOR_LOOKUP_INVALID"
	| "ERR_CONNECTOR_OPTION_INVALID"
	| "ERR_CONNECTOR_PARAMETER_INVALID"
	| "ERR_CONNECTOR_PARAMETER_NOT_FOUND"
	| "ERR_CONNECTOR_PARAMETER_NOT_LOADED"
	| "ERR_CONNECTOR_PARAMETER_STORE_UNAVAILABLE"
	| "ERR_CONNECTOR_ROTATION_UNSUPPORTED"
	| "ERR_CONNECTOR_SECRET_MALFORMED"
	| "ERR_CONNECTOR_SECRET_NOT_FOUND"
	| "ERR_CONNECTOR_STAGING_FAILED"
	| "ERR_CONNECTOR_TIMEOUT";

/** What an error is made with beside its text. */
export interface ConnectorErrorOptions extends ErrorOptions {
	/** What to do: a sentence, with a command where one helps. */
	readonly remedy?: string | undefined;
}

/**
 * Base class of every error raised by this library.
 *
 * No message, `cause` or inspected property ever holds a password, a token or the text of a secret.
 * @example
 * try {
 * 	await connector.getTypeOrmOptions();
 * } catch (error) {
 * 	if (isTypeOrmAwsConnectorError(error) && error.isTransient) scheduleAnotherAttempt();
 * 	else throw error;
 * }
 */
export abstract class TypeOrmAwsConnectorError extends Error {
	/** Stable identifier of the kind of fault. */
	abstract readonly code: TConnectorErrorCode;

	/** Whether another attempt may succeed although nothing is changed. */
	readonly isTransient: boolean = false;

	/** A literal in each subclass, so that it survives the minifiers of users. */
	abstract override readonly name: string;

	/** What to do about it, where the fault itself tells: the end of `message`. */
	readonly remedy!: string | undefined;

	/** @internal */
	protected readonly [CONNECTOR_ERROR]!: true;

	/** @param message one line, or several. No line can hold a line break or an escape sequence. */
	constructor(message: string | readonly string[], { remedy, ...options }: ConnectorErrorOptions = {}) {
		super(
			[message, remedy ?? []]
				.flat()
				.map((line) => cleanText(line, Infinity))
				.join(remedy === undefined ? "\n" : " "),
			options,
		);
		// Not enumerable: the message ends in it, and an inspected error should say it once.
		Object.defineProperty(this, "remedy", { value: remedy === undefined ? undefined : cleanText(remedy, Infinity) });
		// Not enumerable: the mark is for isTypeOrmAwsConnectorError(), not for readers of a log.
		Object.defineProperty(this, CONNECTOR_ERROR, { value: true });
	}
}

/**
 * Tells whether a caught value is an error of this library, also when another installed version of it raised the error,
 * where `instanceof` says no.
 * @example
 * if (isTypeOrmAwsConnectorError(error)) report(error.code);
 */
export function isTypeOrmAwsConnectorError(error: unknown): error is TypeOrmAwsConnectorError {
	return typeof error === "object" && error !== null && CONNECTOR_ERROR in error;
}

/** The message without the remedy at its end, for places that show both. */
export function readFault({ message, remedy }: Pick<TypeOrmAwsConnectorError, "message" | "remedy">): string {
	return remedy !== undefined && message.endsWith(` ${remedy}`) ? message.slice(0, -remedy.length - 1) : message;
}
