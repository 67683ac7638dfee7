/** A login of a password is that password; a login of tokens is the hook through which the engine's driver asks for them. */
import { Credentials } from "../../../src/credentials/credentials-provider.js";
import { TokenLogin, type TokenTarget } from "../../../src/credentials/token-login.js";
import { describeLogin, findHost } from "../../../src/connector/describe-login.js";
import { EDatabaseType } from "../../../src/configuration/connector.enums.js";

const HOST = "shop.abc123.eu-west-1.rds.amazonaws.com";
const READER = "reader.abc123.eu-west-1.rds.amazonaws.com";
const PLACE = { host: HOST, port: 5_432, type: EDatabaseType.POSTGRES };
const SQL = { ...PLACE, type: EDatabaseType.MYSQL };

function createLogin(service: "dsql" | "rds" = "rds", sign?: () => Promise<string>): TokenLogin {
	return new TokenLogin(service, "app", ({ host, port }: TokenTarget) => ({
		host: host === "id" ? "id.dsql.eu-west-1.on.aws" : host,
		sign: sign ?? (async () => Promise.resolve(`token for ${host}:${String(port)}`)),
	}));
}

type Password = (this: unknown) => Promise<string>;

/** What mysql2 knows of a connection whose certificate and name were checked. */
const PROVEN = { rejectUnauthorized: true, verifyIdentity: true };

interface Client {
	readonly connection: { readonly stream: { readonly authorized?: boolean; readonly destroy: jest.Mock; readonly encrypted: boolean } };
}

function createClient(encrypted: boolean, authorized = encrypted): Client {
	return { connection: { stream: { authorized, destroy: jest.fn(), encrypted } } };
}

it("leaves a password as it is", () => {
	const login = new Credentials({ password: "p", username: "u" });

	expect(describeLogin(login, PLACE)).toEqual({ extra: {}, host: HOST, options: {}, password: "p", username: "u" });
	expect(findHost(login, PLACE)).toBe(HOST);
});

describe("a login of tokens on PostgreSQL", () => {
	it("is a function that signs, the same one for the same place", async () => {
		const login = createLogin();

		const { extra, options, password, username } = describeLogin(login, PLACE);

		expect({ extra, options, username }).toEqual({ extra: {}, options: {}, username: "app" });
		await expect((password as Password).call(undefined)).resolves.toBe(`token for ${HOST}:5432`);
		expect(describeLogin(login, PLACE).password).toBe(password);
		expect(describeLogin(login, { ...PLACE, port: 5_433 }).password).not.toBe(password);
	});

	it("gives its token to an encrypted connection only", async () => {
		const password = describeLogin(createLogin(), PLACE).password as Password;
		const [secure, open] = [createClient(true), createClient(false)];

		await expect(password.call(secure)).resolves.toBe(`token for ${HOST}:5432`);
		await expect(password.call(open)).rejects.toThrow('Option "tls" has to be on for an IAM login: the token would travel in clear.');
		expect(secure.connection.stream.destroy).not.toHaveBeenCalled();
		expect(open.connection.stream.destroy).toHaveBeenCalledTimes(1);
	});

	it.each([false, undefined])(
		"gives its token to no connection whose certificate was not verified: authorized %p",
		async (authorized) => {
			const password = describeLogin(createLogin(), PLACE).password as Password;
			const { connection } = createClient(true);
			const stream = { ...connection.stream, authorized };

			await expect(password.call({ connection: { stream } })).rejects.toThrow('Option "tls" has to be verified for an IAM login');
			expect(stream.destroy).toHaveBeenCalledTimes(1);
		},
	);

	it("closes the connection for which there is no token", async () => {
		const password = describeLogin(
			createLogin("rds", async () => Promise.reject(new Error("no identity"))),
			PLACE,
		).password as Password;
		const client = createClient(true);

		await expect(password.call(client)).rejects.toThrow("no identity");
		expect(client.connection.stream.destroy).toHaveBeenCalledTimes(1);
	});

	it.each([
		[0, 3_300],
		[0.5, 3_150],
		[1, 3_000],
	])("on DSQL, lives %d of the way from 55 to 50 minutes, and asks for no extension", (random, maxLifetimeSeconds) => {
		const described = describeLogin(createLogin("dsql"), { ...PLACE, host: "id" }, () => random);

		expect(described).toMatchObject({
			extra: { maxLifetimeSeconds },
			host: "id.dsql.eu-west-1.on.aws",
			options: { installExtensions: false, uuidExtension: "pgcrypto" },
		});
		expect(findHost(createLogin("dsql"), { host: "id", port: 5_432 })).toBe("id.dsql.eu-west-1.on.aws");
	});
});

it.each([EDatabaseType.MYSQL, EDatabaseType.MARIADB])("has %s ask for a password through plugins, unless plaintext is allowed", (type) => {
	const login = new Credentials({ password: "p", username: "u" });

	expect(Object.keys(describeLogin(login, { ...PLACE, type }).extra.authPlugins ?? {})).toEqual([
		"caching_sha2_password",
		"mysql_clear_password",
		"sha256_password",
	]);
	expect(describeLogin(login, { ...PLACE, isPlaintextAllowed: true, type }).extra).toEqual({});
});

describe("a login of tokens on MySQL and MariaDB", () => {
	interface Plugins {
		readonly authPlugins: { mysql_clear_password(metadata: object): () => Promise<Buffer> };
	}

	async function ask(config: object, place = SQL): Promise<string> {
		const { extra, password } = describeLogin(createLogin(), place);
		expect(password).toBeUndefined();
		const plugin = (extra as Plugins).authPlugins.mysql_clear_password({ connection: { config } });
		return (await plugin()).toString();
	}

	it("is a plugin that ends the token as the protocol wants it", async () => {
		await expect(ask({ host: HOST, port: 3_306, ssl: PROVEN })).resolves.toBe(`token for ${HOST}:3306\0`);
		await expect(ask({ host: HOST, ssl: { verifyIdentity: true } }, { ...SQL, type: EDatabaseType.MARIADB })).resolves.toBe(
			`token for ${HOST}:5432\0`,
		);
	});

	it("keeps the error of a token as the cause, since mysql2 writes into the one that it gets", async () => {
		const cause = new Error("no identity");
		const { extra } = describeLogin(
			createLogin("rds", async () => Promise.reject(cause)),
			SQL,
		);

		const login = (extra as Plugins).authPlugins.mysql_clear_password({ connection: { config: { host: HOST, ssl: PROVEN } } })();

		await expect(login).rejects.toMatchObject({ cause, message: "no identity" });
		await expect(login).rejects.not.toBe(cause);
	});

	it("signs for the server that is connected to, and behind a tunnel for the one that was served", async () => {
		await expect(ask({ host: READER, port: 3_307, ssl: PROVEN })).resolves.toBe(`token for ${READER}:3307\0`);
		await expect(ask({ host: "127.0.0.1", port: 3_307, ssl: PROVEN })).resolves.toBe(`token for ${HOST}:5432\0`);
	});

	it.each([
		[{ host: HOST, ssl: false }],
		[{ host: HOST }],
		[{ host: HOST, ssl: { rejectUnauthorized: false } }],
		[{ host: HOST, ssl: {} }],
		[{ host: HOST, ssl: { rejectUnauthorized: false, verifyIdentity: true } }],
		[{ host: HOST, ssl: { verifyIdentity: 1 } }],
	])("keeps its token from a connection that is not verified: %j", async (config) => {
		await expect(ask(config)).rejects.toThrow('Option "tls" has to be on and verified for an IAM login');
	});
});
