/**
 * Which version of the secret an application starts with. TypeORM gets plain strings once and its retries repeat them,
 * so it has to be found out before: in the middle of a single-user rotation it is AWSPENDING that the server takes.
 */
import { DataSource, type DataSourceOptions } from "typeorm";
import { findPace, fingerprint } from "../acquire/login-pace.js";
import type { Credentials } from "../credentials/credentials-provider.js";
import { toLooseOptions } from "../drivers/loose-options.js";
import { systemClock } from "../support/clock.js";
import { isWrongPassword } from "../support/login-failure.js";
import { withDeadline } from "../support/with-deadline.js";

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

/** Longer than this, and the server's answer is not about the credentials. */
const DEADLINE_MS = 5_000;

/** What the server said. */
export type LoginAnswer = "accepted" | "refused" | "unknown";

/**
 * Connects once and disconnects. Only a wrong password counts as refused. Never rejects. Credentials that the server
 * has refused are asked about at the pace of every other login: in between the last answer stands.
 */
export async function tryLogin(options: DataSourceOptions): Promise<LoginAnswer> {
	const server = toLooseOptions(options);
	const pace = findPace(server, systemClock, Math.random);
	const version = fingerprint(server);
	if (!pace.mayTry(version)) return "refused";
	pace.begin(version);
	try {
		await connectOnce(options);
	} catch (error) {
		// A server that insists on TLS says 28000 to a login without it, whatever the password.
		if (!isWrongPassword(error)) return "unknown";
		pace.recordAuthFailure(version, error as Error);
		return "refused";
	}
	pace.clear();
	return "accepted";
}

async function connectOnce(options: DataSourceOptions): Promise<void> {
	// The driver alone: initialize() would synchronize, migrate and install extensions.
	const { driver } = new DataSource({
		...options,
		dropSchema: false,
		entities: [],
		logging: false,
		migrationsRun: false,
		synchronize: false,
	});
	const disconnect = async (): Promise<void> => driver.disconnect().catch(() => undefined);
	const connect = async (): Promise<void> => {
		try {
			await driver.connect();
		} catch (error) {
			// An expired password of MySQL logs in; it is the first statement that fails, with the connection open.
			await disconnect();
			throw error;
		}
	};
	await withDeadline(connect, { deadlineMs: DEADLINE_MS, disposeLate: disconnect, subject: "The login" });
	await disconnect();
}
