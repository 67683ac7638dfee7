/**
 * What an AWS SDK error means for us, and a copy of it that is safe to keep. Names and HTTP status decide; the message
 * only where services give one name to several causes.
 */
import { types } from "node:util";

import { cleanText, toClause } from "../errors/clean-text.js";
import { AWS_CAUSES, type AwsErrorFacts, type AwsFailureKind, type AwsRemedyContext, type RequestProgress } from "./aws-causes.js";

/** An AWS SDK error, classified. */
export interface AwsFailure {
	/** A copy without the response body, which may hold the value that was asked for. */
	readonly cause: Error;
	/** Whether the same call may succeed later without any change. */
	readonly isTransient: boolean;
	readonly kind: AwsFailureKind;
	/** One clause for a message: the SDK's error name and its own words where those cannot quote a value. */
	readonly reason: string;
	/** What to do: a sentence, with a command where one helps. */
	readonly remedy: string;
}

/** What is known of the request beside its error. */
export interface AwsFailureContext extends AwsRemedyContext {
	readonly progress?: RequestProgress | undefined;
}

/** Classifies whatever an AWS SDK v3 client threw. */
export function classifyAwsFailure(error: unknown, context: AwsFailureContext = {}): AwsFailure {
	const facts = readFacts(error, context.progress);
	const { code, name, status } = facts;
	const { id, isTransient, kind, remedy } = findCause(facts);
	const text = describeSafely(facts, id);
	const label = code === undefined ? name : `${name}, ${code}`;
	const cause = Object.assign(new Error(cleanText(text)), {
		name,
		...(code === undefined ? {} : { code }),
		...(status === undefined ? {} : { httpStatusCode: status }),
	});
	const isFinal = /^IDPRejectedClaim/.test(name);
	return { cause, isTransient: isTransient && !isFinal, kind, reason: `${toClause(text)} (${label})`, remedy: remedy(context, facts) };
}

/** The last row means anything. */
function findCause(facts: AwsErrorFacts): (typeof AWS_CAUSES)[number] {
	const cause = AWS_CAUSES.find(({ isMeant }) => isMeant(facts));
	if (cause === undefined) throw new Error("The table of causes has no last row.");
	return cause;
}

/** The service's own words, as far as they cannot quote a secret. */
function describeSafely({ message, name }: AwsErrorFacts, causeId: string): string {
	// It quotes the body that it could not read, and the body may be the secret.
	if (name === "SyntaxError") return "the response is not valid JSON";
	if (causeId === "foreign-form") return "the response is not in the form of AWS";
	if (causeId === "identity-silent") return "no AWS identity was there in time, so the service was not asked";
	// AWS quotes the headers that it was sent, the session token among them.
	if (causeId === "clock") return "AWS does not accept the time of the signature";
	if (name.includes("Signature")) return "AWS does not accept the signature of the request";
	if (message === "" && causeId === "refused") return "the connection was refused";
	return message;
}

/**
 * By what the SDK puts before the text of an error that it does not know as one: that of another realm, as under Jest.
 */
const WRAPPED = /^AWS SDK error wrapper for (?:(\w+): )?/;
/** Bases of the errors of the services that give out identities. */
const IDENTITY_SERVICES = /^(?:CognitoIdentity|SSO|SSOOIDC|STS|Signin)ServiceException$/;

function readFacts(error: unknown, progress: RequestProgress | undefined): AwsErrorFacts {
	if (!(error instanceof Error || types.isNativeError(error)))
		return { code: undefined, isFromIdentityService: false, message: "unknown failure", name: "Error", progress, status: undefined };
	// Of several addresses of one name, each with its own failure, the first speaks for all.
	const first = readFirstOf(error);
	const { $metadata, code } = first as { $metadata?: { httpStatusCode?: unknown }; code?: unknown } & Error;
	const status = $metadata?.httpStatusCode;
	const wrapped = WRAPPED.exec(first.message);
	const message = wrapped === null ? first.message : first.message.slice(wrapped[0].length);
	const found = typeof code === "string" ? code : wrapped === null ? undefined : /\b(E[A-Z]{4,})\b/.exec(message)?.[1];
	return {
		code: found === undefined ? undefined : cleanText(found),
		isFromIdentityService: listClassNames(first).some((name) => IDENTITY_SERVICES.test(name)),
		message,
		name: cleanText(first.name),
		progress,
		status: typeof status === "number" ? status : undefined,
	};
}

function readFirstOf(error: Error): Error {
	const { errors } = error as { readonly errors?: unknown };
	const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
	return first instanceof Error || types.isNativeError(first) ? first : error;
}

/** Names, since the clients inside of the SDK's providers have classes of their own. */
function listClassNames(error: object): string[] {
	const names: string[] = [];
	for (let made: unknown = Object.getPrototypeOf(error); typeof made === "object" && made !== null; made = Object.getPrototypeOf(made)) {
		names.push(made.constructor.name);
	}
	return names;
}
