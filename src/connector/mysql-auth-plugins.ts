/** How mysql2 logs in: which of the server's wishes are met, and over which connections. */
import { constants, createHash, publicEncrypt } from "node:crypto";

import type { TokenLogin, TokenTarget } from "../credentials/token-login.js";
import { findRegionInHost } from "../aws/database-host.js";
import { OptionInvalidError } from "../errors/errors.js";
import { isLoopbackHost } from "../support/loopback.js";

/** The part of mysql2's connection that is used. */
interface MysqlConnection {
	readonly config: {
		/** mysql2 has it since 3.22. */
		readonly enableCleartextPlugin?: boolean;
		readonly host?: string;
		readonly password?: string;
		readonly port?: number;
		readonly socketPath?: string;
		readonly ssl?: false | { readonly rejectUnauthorized?: boolean; readonly verifyIdentity?: boolean };
	};
}

type Answer = Buffer | null;

interface LoginParts {
	readonly connection: MysqlConnection;
}

/** Answers the server's packets of one login, in their order. */
type AuthPlugin = (parts: LoginParts) => (packet: Buffer) => Promise<Answer>;

/** The same before its errors are wrapped. */
type BareAuthPlugin = (parts: LoginParts) => (packet: Buffer) => Answer | Promise<Answer>;

/** By the server's name of the way to log in. */
export type MysqlAuthPlugins = Readonly<Record<string, AuthPlugin>>;

const SCRAMBLE_LENGTH = 20;

/** First bytes of the packets of `caching_sha2_password` and `sha256_password`. */
const FULL_AUTHENTICATION = 4;
const REQUEST_KEY_SHA2 = Buffer.from([2]);
const REQUEST_KEY_SHA256 = Buffer.from([1]);

/** The server gets a token, over a connection that has proved whose it is. */
export function createTokenPlugins(login: TokenLogin, configured: TokenTarget): MysqlAuthPlugins {
	const createToken = async ({ host = "", port = configured.port, ssl }: MysqlConnection["config"]): Promise<string> => {
		const isProven = typeof ssl === "object" && ssl.rejectUnauthorized !== false && ssl.verifyIdentity === true;
		if (!isProven) throw new OptionInvalidError("tls", NO_VERIFIED_TLS);
		// One plugin serves all hosts of a DataSource; a name that is none of AWS is a tunnel to the one that was configured.
		return login.bind(findRegionInHost(host) === undefined ? configured : { host, port }).sign();
	};
	return protect({
		mysql_clear_password:
			({ connection }) =>
			async () =>
				terminate(await createToken(connection.config)),
	});
}

/**
 * The server gets the password itself only over TLS and on this machine. mysql2 would give it to any server that asks,
 * some versions in clear, all of them encrypted with the key that this server sends.
 */
export function createPasswordPlugins(): MysqlAuthPlugins {
	return protect({
		caching_sha2_password: ({ connection: { config } }) => {
			let scramble: Buffer | undefined;
			let isKeyRequested = false;
			return (packet) => {
				if (scramble === undefined) {
					scramble = packet.subarray(0, SCRAMBLE_LENGTH);
					return hashPassword(config.password ?? "", scramble);
				}
				if (isKeyRequested) return encryptPassword(config.password ?? "", scramble, packet);
				if (packet[0] !== FULL_AUTHENTICATION) return null;
				requirePrivacy(config, "caching_sha2_password");
				if (isPrivate(config)) return terminate(config.password ?? "");
				isKeyRequested = true;
				return REQUEST_KEY_SHA2;
			};
		},
		mysql_clear_password:
			({ connection: { config } }) =>
			() => {
				requirePrivacy(config, "mysql_clear_password");
				if (config.enableCleartextPlugin !== false) return terminate(config.password ?? "");
				throw new OptionInvalidError(
					"typeOrmOptions.extra.enableCleartextPlugin",
					"has to be true: the server asks for the password itself (mysql_clear_password)",
				);
			},
		sha256_password: ({ connection: { config } }) => {
			let scramble: Buffer | undefined;
			return (packet) => {
				if (scramble !== undefined) return encryptPassword(config.password ?? "", scramble, packet);
				requirePrivacy(config, "sha256_password");
				if (isPrivate(config)) return terminate(config.password ?? "");
				scramble = packet.subarray(0, SCRAMBLE_LENGTH);
				return REQUEST_KEY_SHA256;
			};
		},
	});
}

function requirePrivacy(config: MysqlConnection["config"], wish: string): void {
	if (isPrivate(config) || isLoopbackHost(config.host ?? "")) return;
	throw new OptionInvalidError(
		"tls",
		`has to be on: the server asks for the password itself (${wish}), and any server in its place could read it. ` +
			`Where the network is trusted, isPlaintextAllowed: true permits it`,
	);
}

/** Over TLS and over a socket the server takes the password as it is, elsewhere encrypted. */
function isPrivate({ socketPath, ssl }: MysqlConnection["config"]): boolean {
	return Boolean(ssl) || Boolean(socketPath);
}

/** mysql2 puts a code of its own into an error, which must not be the only copy of ours. */
function protect(plugins: Readonly<Record<string, BareAuthPlugin>>): MysqlAuthPlugins {
	return Object.fromEntries(Object.entries(plugins).map(([name, plugin]) => [name, wrapErrors(plugin)]));
}

function wrapErrors(plugin: BareAuthPlugin): AuthPlugin {
	return (parts) => {
		const answer = plugin(parts);
		return async (packet) => {
			try {
				return await answer(packet);
			} catch (error) {
				throw new Error((error as Error).message, { cause: error });
			}
		};
	};
}

function terminate(text: string): Buffer {
	return Buffer.from(`${text}\0`);
}

/** What proves the password without telling it. */
function hashPassword(password: string, scramble: Buffer): Buffer {
	if (password === "") return Buffer.alloc(0);
	const once = sha256(Buffer.from(password));
	return xor(once, sha256(Buffer.concat([sha256(once), scramble])));
}

function encryptPassword(password: string, scramble: Buffer, key: Buffer): Buffer {
	// The server's key begins behind a byte that announces it.
	const pem = key[0] === 1 ? key.subarray(1) : key;
	return publicEncrypt({ key: pem, padding: constants.RSA_PKCS1_OAEP_PADDING }, xor(terminate(password), scramble));
}

/** @param mask repeated where it is the shorter one. */
function xor(text: Buffer, mask: Buffer): Buffer {
	return Buffer.from(text.map((byte, index) => byte ^ (mask[index % mask.length] ?? 0)));
}

function sha256(text: Buffer): Buffer {
	return createHash("sha256").update(text).digest();
}

const NO_VERIFIED_TLS =
	"has to be on and verified for an IAM login, the name in the certificate included: the token would travel in clear, or to any server in its place";
