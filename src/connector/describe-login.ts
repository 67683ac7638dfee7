/**
 * What a login becomes in TypeORM's options: a password, or the hook through which each engine's driver asks for a
 * token.
 */
import { EDatabaseType } from "../configuration/connector.enums.js";
import type { Credentials } from "../credentials/credentials-provider.js";
import { isMysqlType } from "../tls/protection.js";
import { isNameChecked } from "../tls/tls-options.js";
import { type SignToken, TokenLogin, type TokenTarget } from "../credentials/token-login.js";
import { OptionInvalidError } from "../errors/errors.js";
import type { ResolvedSettings } from "../resolution/resolve-settings.js";
import { createPasswordPlugins, createTokenPlugins, type MysqlAuthPlugins } from "./mysql-auth-plugins.js";

/**
 * Aurora DSQL ends connections after 60 minutes; they are retired after 50 to 55, so that not all of them go at once.
 */
const DSQL_LIFETIME_SECONDS = 3_300;
const DSQL_LIFETIME_JITTER_SECONDS = 300;

/** The parts of TypeORM's options that depend on the login. */
export interface LoginOptions {
	/** Options of the driver's pool. */
	readonly extra: { readonly authPlugins?: MysqlAuthPlugins; readonly maxLifetimeSeconds?: number };
	readonly host: string;
	/** Other options of TypeORM. */
	readonly options: object;
	readonly password: unknown;
	readonly username: string;
}

/** The place and the engine that a login is for. */
interface LoginPlace extends Pick<ResolvedSettings, "host" | "port" | "type"> {
	/** The option of this name. Default `false`. */
	readonly isPlaintextAllowed?: boolean | undefined;
}

/** Describes a login at the place that the settings name. */
export function describeLogin(
	credentials: Credentials,
	{ host, isPlaintextAllowed = false, port, type }: LoginPlace,
	random: () => number = Math.random,
): LoginOptions {
	const { username } = credentials;
	if (!(credentials instanceof TokenLogin)) {
		const extra = isMysqlType(type) && !isPlaintextAllowed ? { authPlugins: createPasswordPlugins() } : {};
		return { extra, host, options: {}, password: credentials.password, username };
	}
	const bound = credentials.bind({ host, port });
	if (type !== EDatabaseType.POSTGRES) {
		const authPlugins = createTokenPlugins(credentials, { host: bound.host, port });
		return { extra: { authPlugins }, host: bound.host, options: {}, password: undefined, username };
	}
	const password = createPassword(bound.sign);
	if (credentials.service !== "dsql") return { extra: {}, host: bound.host, options: {}, password, username };
	const maxLifetimeSeconds = DSQL_LIFETIME_SECONDS - Math.round(DSQL_LIFETIME_JITTER_SECONDS * random());
	// It has no extensions to install, and makes UUIDs without one.
	const options = { installExtensions: false, uuidExtension: "pgcrypto" };
	return { extra: { maxLifetimeSeconds }, host: bound.host, options, password, username };
}

/** The host that a login connects to: the one of the settings, unless that is an id. */
export function findHost(credentials: Credentials, target: TokenTarget): string {
	return credentials instanceof TokenLogin ? credentials.bind(target).host : target.host;
}

/** The client of pg as which its password function is called. */
interface PostgresClient {
	readonly connection?: {
		readonly ssl?: unknown;
		readonly stream?: { readonly authorized?: boolean; destroy(): void; readonly encrypted?: boolean };
	};
}

type PostgresPassword = (this: unknown) => Promise<string>;

/** One function for each signer: a rotation compares them to see whether something changed. */
const passwords = new WeakMap<SignToken, PostgresPassword>();

/** pg calls it for each connection, when the server asks for the password. */
function createPassword(sign: SignToken): PostgresPassword {
	const known = passwords.get(sign);
	if (known !== undefined) return known;
	const password = async function (this: unknown): Promise<string> {
		const { ssl, stream } = (this as PostgresClient | undefined)?.connection ?? {};
		try {
			if (stream !== undefined && stream.encrypted !== true) throw new OptionInvalidError("tls", NO_TLS);
			if (stream !== undefined && (stream.authorized !== true || !isNameChecked(ssl))) throw new OptionInvalidError("tls", NO_PROOF);
			return await sign();
		} catch (error) {
			// pg would leave the socket open until the server loses patience.
			stream?.destroy();
			throw error;
		}
	};
	passwords.set(sign, password);
	return password;
}

const NO_TLS = "has to be on for an IAM login: the token would travel in clear";
const NO_PROOF = "has to be verified for an IAM login: any server could take the token";
