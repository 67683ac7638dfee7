/** A server that is not the database, and asks for what the database would be given. */
import { Logger } from "@nestjs/common";

import type { ITypeOrmAwsConnectorConfig } from "../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../src/connector/typeorm-aws-connector.service.js";
import { createDataSource } from "../../src/standalone/create-data-source.js";
import { CertificateAuthority } from "../support/certificates.js";
import { leadToLoopback } from "../support/lead-to-loopback.js";
import { type MysqlWish, type RogueServer, startRogueMysql, startRoguePostgres } from "../support/rogue-server.js";
import { TYPEORM_VERSIONS } from "../support/typeorm-versions.js";

const AWS_HOST = "shop.abc123.eu-west-1.rds.amazonaws.com";
const SOVEREIGN_HOST = "shop.abc123.eusc-de-east-1.rds.amazonaws.eu";
const OTHER_AWS_HOST = "rogue.zzz999.eu-west-1.rds.amazonaws.com";
const OWN_HOST = "db.shop.internal";
const PASSWORD = "canary-password";
const CREDENTIALS = { accessKeyId: "AKIA", secretAccessKey: "canary-key" };
const WISHES: readonly MysqlWish[] = ["caching_sha2_password", "mysql_clear_password", "sha256_password"];

const authority = new CertificateAuthority("Database CA");
const ways: (() => void)[] = [];
let warn: jest.SpyInstance;
let rogue: RogueServer | undefined;

beforeAll(() => {
	for (const host of [AWS_HOST, SOVEREIGN_HOST, OWN_HOST]) ways.push(leadToLoopback(host));
});

beforeEach(() => {
	warn = jest.spyOn(Logger.prototype, "warn").mockReturnValue();
});

afterEach(async () => rogue?.stop());

afterAll(() => {
	for (const restore of ways.reverse()) restore();
});

/** What the server was given, and how the connection ended. */
async function connect(
	server: RogueServer,
	config: Partial<ITypeOrmAwsConnectorConfig>,
	version: (typeof TYPEORM_VERSIONS)[number] | undefined = TYPEORM_VERSIONS.at(-1),
): Promise<{ readonly error: string; readonly passwords: readonly string[] }> {
	rogue = server;
	const login =
		config.credentials === undefined ? { password: PASSWORD, username: "app" } : { aws: { credentials: CREDENTIALS }, username: "app" };
	const base = { connectionTimeoutMs: 5_000, databaseName: "shop", entities: [], port: server.port, ...login };
	try {
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, { ...base, ...config });
		const { DataSource } = (version as (typeof TYPEORM_VERSIONS)[number]).load();
		await new DataSource(await connector.getTypeOrmOptions()).initialize();
		return { error: "connected", passwords: server.passwords };
	} catch (error) {
		return { error: (error as Error).message, passwords: server.passwords };
	}
}

/** The same where the options come on top, outside of Nest. */
async function connectWithoutNest(
	server: RogueServer,
	config: Partial<ITypeOrmAwsConnectorConfig>,
	typeOrmOptions: object,
): Promise<readonly string[]> {
	rogue = server;
	const base = { connectionTimeoutMs: 5_000, databaseName: "shop", entities: [], password: PASSWORD, port: server.port, username: "app" };
	const created = createDataSource({ connector: { ...base, ...config }, typeOrmOptions });
	await expect(created).rejects.toThrow();
	return server.passwords;
}

function listWarnings(): string {
	return warn.mock.calls.flat().join("\n");
}

describe("A server without TLS", () => {
	it.each([AWS_HOST, SOVEREIGN_HOST])("at %s gets no password of PostgreSQL", async (host) => {
		const { passwords } = await connect(await startRoguePostgres(), { host, type: "postgres" });

		expect(passwords).toEqual([]);
	});

	it.each<[string, Partial<ITypeOrmAwsConnectorConfig>, string]>([
		["at a host of another owner", { host: OWN_HOST }, OWN_HOST],
		["where TLS is switched off", { host: AWS_HOST, tls: false }, AWS_HOST],
		["where ssl is null", { host: AWS_HOST, typeOrmOptions: { ssl: null as never } }, AWS_HOST],
		["where ssl is empty", { host: AWS_HOST, typeOrmOptions: { ssl: "" as never } }, AWS_HOST],
		["where ssl is 0", { host: AWS_HOST, typeOrmOptions: { ssl: 0 as never } }, AWS_HOST],
		["where extra.ssl is null", { host: AWS_HOST, typeOrmOptions: { extra: { ssl: null } } }, AWS_HOST],
	])("%s gets it, and the log says so", async (_, config, host) => {
		const { passwords } = await connect(await startRoguePostgres(), { type: "postgres", ...config });

		expect(passwords).toEqual([PASSWORD]);
		expect(listWarnings()).toContain(`The connection to "${host}" is not encrypted`);
	});

	it.each<[string, object]>([
		["ssl is null", { ssl: null }],
		["ssl is 0", { ssl: 0 }],
		["extra.ssl is false", { extra: { ssl: false } }],
	])("gets it where %s on top of a connector outside of Nest, and the log says so", async (_, typeOrmOptions) => {
		const passwords = await connectWithoutNest(await startRoguePostgres(), { host: AWS_HOST, type: "postgres" }, typeOrmOptions);

		expect(passwords).toEqual([PASSWORD]);
		expect(listWarnings()).toContain(`The connection to "${AWS_HOST}" is not encrypted`);
	});

	it("gets no password of MySQL by asking for it, where options of the driver come on top outside of Nest", async () => {
		const typeOrmOptions = { extra: { maxPreparedStatements: 10 } };

		const passwords = await connectWithoutNest(
			await startRogueMysql("caching_sha2_password"),
			{ host: OWN_HOST, type: "mysql" },
			typeOrmOptions,
		);

		expect(passwords).toEqual([]);
	});

	it("gets nothing where an ssl without a value stands in extra", async () => {
		const typeOrmOptions = { extra: { ssl: undefined }, ssl: undefined } as object;

		const { passwords } = await connect(await startRoguePostgres(), { host: AWS_HOST, type: "postgres", typeOrmOptions });

		expect(passwords).toEqual([]);
	});

	it("is not spoken of where plaintext is allowed, and on this machine", async () => {
		const allowed = await connect(await startRoguePostgres(), { host: OWN_HOST, isPlaintextAllowed: true, type: "postgres" });
		await rogue?.stop();
		const local = await connect(await startRoguePostgres(), { host: "127.0.0.1", type: "postgres" });

		expect([allowed.passwords, local.passwords]).toEqual([[PASSWORD], [PASSWORD]]);
		expect(listWarnings()).toBe("");
	});

	describe.each(TYPEORM_VERSIONS)("on TypeORM $label", (version) => {
		it.each(WISHES)("gets no password of MySQL by asking for it (%s)", async (wish) => {
			const { error, passwords } = await connect(await startRogueMysql(wish), { host: OWN_HOST, type: "mysql" }, version);

			expect(passwords).toEqual([]);
			expect(error).toMatch(new RegExp(`"tls" has to be on: the server asks for the password itself \\(${wish}\\)`));
		});
	});

	it.each(["caching_sha2_password", "sha256_password"] as const)(
		"gets the password of MySQL encrypted with its own key on this machine, and where plaintext is allowed (%s)",
		async (wish) => {
			const local = await connect(await startRogueMysql(wish), { host: "127.0.0.1", type: "mysql" });
			await rogue?.stop();
			const allowed = await connect(await startRogueMysql(wish), { host: OWN_HOST, isPlaintextAllowed: true, type: "mysql" });

			expect([local.passwords, allowed.passwords]).toEqual([[PASSWORD], [PASSWORD]]);
		},
	);

	it("gets no password in clear, not even on this machine, unless mysql2 is told so", async () => {
		const refused = await connect(await startRogueMysql("mysql_clear_password"), { host: "127.0.0.1", type: "mysql" });
		await rogue?.stop();
		const typeOrmOptions = { extra: { enableCleartextPlugin: true } };
		const permitted = await connect(await startRogueMysql("mysql_clear_password"), {
			host: "127.0.0.1",
			type: "mysql",
			typeOrmOptions,
		});

		expect(refused.passwords).toEqual([]);
		expect(refused.error).toContain("enableCleartextPlugin");
		expect(permitted.passwords).toEqual([PASSWORD]);
	});
});

describe("A server with TLS", () => {
	const trusting = { ca: authority.certificate };

	it.each(["caching_sha2_password", "sha256_password"] as const)("that has proved itself gets the password (%s)", async (wish) => {
		const server = await startRogueMysql(wish, authority.issue({ names: [OWN_HOST] }));

		await expect(connect(server, { host: OWN_HOST, tls: trusting, type: "mysql" })).resolves.toMatchObject({ passwords: [PASSWORD] });
	});

	it.each<[string, Partial<ITypeOrmAwsConnectorConfig>]>([
		["by tls", { tls: trusting }],
		["by TypeORM's own ssl", { typeOrmOptions: { ssl: { ca: authority.certificate, verifyIdentity: true } as never } }],
	])("gets no token with the certificate of another customer, verified %s", async (_, config) => {
		const server = await startRogueMysql("mysql_clear_password", authority.issue({ names: [OTHER_AWS_HOST] }));

		const { passwords } = await connect(server, { credentials: { source: "rds-iam" }, host: AWS_HOST, type: "mysql", ...config });

		expect(passwords).toEqual([]);
	});

	it("gets no token where no option has the name in its certificate checked", async () => {
		const server = await startRogueMysql("mysql_clear_password", authority.issue({ names: [OTHER_AWS_HOST] }));
		const typeOrmOptions = { ssl: { ca: authority.certificate } };
		const config = { credentials: { source: "rds-iam" }, host: AWS_HOST, type: "mysql", typeOrmOptions } as const;

		await expect(connect(server, config)).resolves.toEqual({
			error: expect.stringContaining('"typeOrmOptions.ssl.verifyIdentity" must be true'),
			passwords: [],
		});
	});

	it("gets a password of MySQL with the certificate of another customer only where TypeORM's own ssl leaves it open, and the log says so", async () => {
		const issue = async (): Promise<RogueServer> =>
			startRogueMysql("caching_sha2_password", authority.issue({ names: [OTHER_AWS_HOST] }));
		const refused = await connect(await issue(), { host: AWS_HOST, tls: trusting, type: "mysql" });
		await rogue?.stop();
		const open = await connect(await issue(), { host: AWS_HOST, type: "mysql", typeOrmOptions: { ssl: trusting } });

		expect([refused.passwords, open.passwords]).toEqual([[], [PASSWORD]]);
		expect(listWarnings()).toContain(`The name in the certificate of "${AWS_HOST}" is not checked`);
	});

	it.each<[string, Partial<ITypeOrmAwsConnectorConfig>]>([
		["tls", { tls: { rejectUnauthorized: false } }],
		["typeOrmOptions.ssl", { typeOrmOptions: { ssl: { rejectUnauthorized: false } } }],
		["typeOrmOptions.extra.ssl", { typeOrmOptions: { extra: { ssl: { rejectUnauthorized: false } } } }],
	])("gets no token where %s says that it need not prove itself", async (option, config) => {
		const server = await startRoguePostgres(authority.issue({ names: [AWS_HOST] }));

		await expect(connect(server, { credentials: { source: "rds-iam" }, host: AWS_HOST, type: "postgres", ...config })).resolves.toEqual(
			{
				error: expect.stringContaining(`"${option}.rejectUnauthorized" may not be false`),
				passwords: [],
			},
		);
	});

	it.each(["typeOrmOptions.ssl", "typeOrmOptions.extra.ssl"])(
		"gets no token of PostgreSQL where %s checks names by itself",
		async (option) => {
			const ssl = { ca: authority.certificate, checkServerIdentity: () => undefined };
			const typeOrmOptions = option.includes("extra") ? { extra: { ssl } } : { ssl };
			const server = await startRoguePostgres(authority.issue({ names: [OTHER_AWS_HOST] }));

			const { error, passwords } = await connect(server, {
				credentials: { source: "rds-iam" },
				host: AWS_HOST,
				type: "postgres",
				typeOrmOptions,
			});

			expect(passwords).toEqual([]);
			expect(error).toContain(`"${option}.checkServerIdentity" may not be given`);
		},
	);

	it.each<[string, object, string]>([
		["skips the proof", { rejectUnauthorized: false }, AWS_HOST],
		["checks names by itself", { ca: authority.certificate, checkServerIdentity: () => undefined }, OTHER_AWS_HOST],
	])("gets no token where an option that the application puts on top %s", async (_, ssl, name) => {
		rogue = await startRoguePostgres(authority.issue({ names: [name] }));
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, {
			aws: { credentials: CREDENTIALS },
			credentials: { source: "rds-iam" },
			databaseName: "shop",
			entities: [],
			host: AWS_HOST,
			port: rogue.port,
			type: "postgres",
			username: "app",
		});
		const { DataSource } = (TYPEORM_VERSIONS.at(-1) as (typeof TYPEORM_VERSIONS)[number]).load();
		const options = { ...(await connector.getTypeOrmOptions()), ssl };

		await expect(new DataSource(options as never).initialize()).rejects.toThrow('Option "tls" has to be verified for an IAM login');
		expect(rogue.passwords).toEqual([]);
	});
});
