/** What RDS and Aurora DSQL do with a login token: take it apart and compute its signature again. Written against the signature's own description, not with the SDK that signs. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** An AWS identity whose signatures count. */
export interface SigningKey {
	readonly accessKeyId: string;
	readonly secretAccessKey: string;
	/** Has to be in the token where the identity has one. */
	readonly sessionToken?: string;
}

/** What a token has to say. */
export interface TokenExpectation {
	/** Actions of which it has to name one. */
	readonly actions: readonly string[];
	/** `host:port` of RDS, `host` of DSQL: what it is signed for. */
	readonly authority: string;
	/** How long after its date it is taken at most, whatever it says itself. */
	readonly maximumAgeMs?: number;
	readonly nowMs: number;
	readonly region: string;
	readonly service: string;
	/** Whom it has to name; `undefined` where tokens name no user. */
	readonly user?: string;
}

/** What was read from a token that is in order. */
export interface AcceptedToken {
	readonly action: string;
	readonly expiresSeconds: number;
	readonly signedAtMs: number;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
const MAXIMUM_CLOCK_SKEW_MS = 300_000;

/** Reads a token and checks every part of it. Throws an error that says what is wrong. */
export function checkToken(token: string, keys: readonly SigningKey[], expectation: TokenExpectation): AcceptedToken {
	const [authority = "", queryText = ""] = token.split("/?");
	const parameters = readQuery(queryText);
	const read = (name: string): string => parameters.get(name) ?? "";
	const { actions, maximumAgeMs = Infinity, nowMs, region, service, user } = expectation;

	demand("algorithm", read("X-Amz-Algorithm") === ALGORITHM);
	demand("host", authority === expectation.authority);
	demand("action", actions.includes(read("Action")));
	demand("user", user === undefined || read("DBUser") === user);
	demand("signed headers", read("X-Amz-SignedHeaders") === "host");

	const date = read("X-Amz-Date");
	const [accessKeyId, ...scope] = read("X-Amz-Credential").split("/");
	demand("scope", scope.join("/") === [date.slice(0, 8), region, service, "aws4_request"].join("/"));
	const key = keys.find((candidate) => candidate.accessKeyId === accessKeyId);
	demand("access key", key !== undefined);
	demand("session token", parameters.get("X-Amz-Security-Token") === key?.sessionToken);
	demand("signature", isSame(read("X-Amz-Signature"), sign(key as SigningKey, authority, date, scope, parameters)));

	const signedAtMs = readDate(date);
	const expiresSeconds = Number(read("X-Amz-Expires"));
	const ageMs = nowMs - signedAtMs;
	demand("date", ageMs >= -MAXIMUM_CLOCK_SKEW_MS);
	demand("age", ageMs < Math.min(expiresSeconds * 1_000, maximumAgeMs));
	return { action: read("Action"), expiresSeconds, signedAtMs };
}

function demand(part: string, isInOrder: boolean): void {
	if (!isInOrder) throw new Error(`token: ${part}`);
}

function readQuery(text: string): ReadonlyMap<string, string> {
	const pairs = text.split("&").map((pair) => pair.split("=").map(decodeURIComponent));
	return new Map(pairs.map(([name = "", value = ""]) => [name, value]));
}

/** `20260102T030405Z` → milliseconds. */
function readDate(text: string): number {
	const [, year, month, day, hours, minutes, seconds] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)?.map(Number) ?? [];
	return Date.UTC(year ?? NaN, (month ?? NaN) - 1, day, hours, minutes, seconds);
}

/** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
function sign(
	{ secretAccessKey }: SigningKey,
	authority: string,
	date: string,
	scope: readonly string[],
	parameters: ReadonlyMap<string, string>,
): string {
	const query = [...parameters]
		.filter(([name]) => name !== "X-Amz-Signature")
		.map(([name, value]) => `${encode(name)}=${encode(value)}`)
		.sort();
	const request = ["GET", "/", query.join("&"), `host:${authority}`, "", "host", hash("")].join("\n");
	const text = [ALGORITHM, date, scope.join("/"), hash(request)].join("\n");
	const signingKey = scope.reduce<Buffer | string>((chain, part) => hmac(chain, part), `AWS4${secretAccessKey}`);
	return hmac(signingKey, text).toString("hex");
}

function encode(text: string): string {
	return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

function hash(text: string): string {
	return createHash("sha256").update(text).digest("hex");
}

function hmac(key: Buffer | string, text: string): Buffer {
	return createHmac("sha256", key).update(text).digest();
}

function isSame(left: string, right: string): boolean {
	return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}
