/**
 * Which version of the secret an application starts with. TypeORM gets plain strings once and its retries repeat them,
 * so it has to be found out before: in the middle of a single-user rotation it is AWSPENDING that the server takes.
 */
import type { Credentials } from "../credentials/credentials-provider.js";
import type { LoginAnswer } from "./try-login.js";

/** What is known of the secret, and how to find out more. */
export interface LoginChoice {
	readonly current: Credentials;
	readonly fetchPrevious: () => Promise<Credentials | undefined>;
	readonly pending: Credentials | undefined;
	readonly tryLogin: (credentials: Credentials) => Promise<LoginAnswer>;
}

/**
 * AWSCURRENT, unless a rotation is under way, the server refuses it, and takes AWSPENDING or AWSPREVIOUS instead.
 * Without a rotation no login is made here.
 */
export async function chooseLogin({ current, fetchPrevious, pending, tryLogin }: LoginChoice): Promise<Credentials> {
	if (pending === undefined || isSameLogin(current, pending)) return current;
	// A server that cannot be reached is reported where the application connects.
	if ((await tryLogin(current)) !== "refused") return current;
	if ((await tryLogin(pending)) === "accepted") return pending;
	const previous = await fetchPrevious();
	if (previous !== undefined && !isSameLogin(current, previous) && (await tryLogin(previous)) === "accepted") return previous;
	return current;
}

function isSameLogin(left: Credentials, right: Credentials): boolean {
	return left.username === right.username && left.password === right.password;
}
