/** TLS with a real PostgreSQL and real certificates: what connects, what is refused and how that reads, at the start and in a rotation. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { Logger } from "@nestjs/common";
import type { DataSourceOptions } from "typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { planServers } from "../../../src/connector/plan-servers.js";
import { CertificateAuthority } from "../../support/certificates.js";
import { fillPool } from "../../support/held-connections.js";
import { leadToLoopback } from "../../support/lead-to-loopback.js";
import { startNestApplication } from "../../support/nest-application.js";
import { serveTls } from "../../support/postgres/serve-tls.js";
import { type Scene, type SceneServers, createSceneDatabase, startScene, startSceneServers } from "../../support/rotating-database.js";
import { LATEST_TYPEORM, typeOrmVersionsFor } from "../../support/typeorm-versions.js";

const AWS_HOST = "shop.abc123.eu-west-1.rds.amazonaws.com";
const ROOT = join(__dirname, "..", "..", "..");

const authority = new CertificateAuthority("Database CA");
const stranger = new CertificateAuthority("Unknown CA");
const clients = new CertificateAuthority("Client CA");
const trusting = { ca: authority.certificate };

let folder: string;
let servers: SceneServers;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "tls-"));
	servers = await startSceneServers();
});

beforeEach(async () => {
	await serveTls(servers.server, { server: authority.issue({ names: ["localhost"] }) });
});

afterAll(async () => {
	await servers.stop();
	await rm(folder, { recursive: true });
});

async function readOptions(config: Partial<ITypeOrmAwsConnectorConfig>): Promise<DataSourceOptions> {
	const database = await createSceneDatabase(servers);
	return new TypeOrmAwsConnectorService(undefined, undefined, { ...database.config, ...config }).getTypeOrmOptions();
}

/** How a connection with these settings ends: the version of TLS, `plain`, or the driver's error. */
async function connect(config: Partial<ITypeOrmAwsConnectorConfig>, version = LATEST_TYPEORM): Promise<string> {
	const { DataSource } = version.load();
	const dataSource = new DataSource(await readOptions({ host: "localhost", ...config }));
	try {
		await dataSource.initialize();
		const rows: { version: string | null }[] = await dataSource.query("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
		return rows[0]?.version ?? "plain";
	} catch (error) {
		const { code, message } = error as NodeJS.ErrnoException;
		return code ?? message;
	} finally {
		if (dataSource.isInitialized) await dataSource.destroy();
	}
}

describe.each(typeOrmVersionsFor("postgres"))("A connection on TypeORM $label", (version) => {
	it("is verified by the authority that is given", async () => {
		await expect(connect({ tls: trusting }, version)).resolves.toBe("TLSv1.3");
	});

	it("is plain where nothing is said", async () => {
		await expect(connect({}, version)).resolves.toBe("plain");
		await expect(connect({ tls: false }, version)).resolves.toBe("plain");
	});

	it("is as typeOrmOptions say", async () => {
		const ssl = { ca: authority.certificate };

		await expect(connect({ typeOrmOptions: { ssl } }, version)).resolves.toBe("TLSv1.3");
	});

	it("fails with an authority that is not trusted", async () => {
		await expect(connect({ tls: true }, version)).resolves.toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
	});

	it("does not ask who answers where that is said aloud", async () => {
		const warn = jest.spyOn(Logger.prototype, "warn").mockReturnValue();

		await expect(connect({ tls: { rejectUnauthorized: false } }, version)).resolves.toBe("TLSv1.3");
		expect(warn.mock.calls.flat()).toEqual([expect.stringContaining('The certificate of "localhost" is not verified')]);
	});
});

describe("A server", () => {
	it.each([
		["of another name", authority.issue({ names: ["other.test"] }), "ERR_TLS_CERT_ALTNAME_INVALID"],
		[
			"with a certificate that has expired",
			authority.issue({ names: ["localhost"], validTo: new Date(Date.now() - 1_000) }),
			"CERT_HAS_EXPIRED",
		],
		["of another authority", stranger.issue({ names: ["localhost"] }), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
		["without TLS", undefined, "The server does not support SSL connections"],
	])("%s is refused", async (_, server, error) => {
		await serveTls(servers.server, { server });

		await expect(connect({ tls: trusting })).resolves.toBe(error);
	});

	it("is known by the name it is given in the settings", async () => {
		await serveTls(servers.server, { server: authority.issue({ names: ["db.internal"] }) });
		const tls = { ...trusting, servername: "db.internal" };

		for (const host of ["localhost", "127.0.0.1"]) await expect(connect({ host, tls })).resolves.toBe("TLSv1.3");
		await expect(connect({ tls: { ...trusting, servername: "localhost" } })).resolves.toBe("ERR_TLS_CERT_ALTNAME_INVALID");
		await expect(connect({ tls: trusting })).resolves.toBe("ERR_TLS_CERT_ALTNAME_INVALID");
	});

	it("is known by its address where the certificate has that", async () => {
		await serveTls(servers.server, { server: authority.issue({ names: ["127.0.0.1"] }) });

		await expect(connect({ host: "127.0.0.1", tls: trusting })).resolves.toBe("TLSv1.3");
		await expect(connect({ tls: trusting })).resolves.toBe("ERR_TLS_CERT_ALTNAME_INVALID");
	});

	it("gets the client's certificate when it wants one", async () => {
		const server = authority.issue({ names: ["localhost"] });
		const rules = ["hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca"];
		await serveTls(servers.server, { clientAuthority: clients.certificate, rules, server });
		const show = (from: CertificateAuthority): object => {
			const { certificate: cert, key } = from.issue({ commonName: "app" });
			return { tls: { ...trusting, cert, key } };
		};

		await expect(connect(show(clients))).resolves.toBe("TLSv1.3");
		await expect(connect({ tls: trusting })).resolves.toBe("28000");
		await expect(connect(show(stranger))).resolves.toBe("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA");
	});
});

describe("An AWS host", () => {
	let lead: () => void;

	beforeAll(() => {
		lead = leadToLoopback(AWS_HOST);
	});

	beforeEach(async () => {
		await serveTls(servers.server, { server: authority.issue({ names: [AWS_HOST] }) });
	});

	afterAll(() => lead());

	/** The same in a process that trusts the authority as it trusts any other, so that not even that has to be said. */
	async function connectByDefault(extraAuthority: string): Promise<string> {
		const { config } = await createSceneDatabase(servers);
		const file = join(folder, "extra.pem");
		await writeFile(file, extraAuthority);
		const program = [join(ROOT, "scripts/run-ts.cjs"), join(__dirname, "default-connection.ts")];
		const env = { ...process.env, CONNECTOR_CONFIG: JSON.stringify({ ...config, host: AWS_HOST }), NODE_EXTRA_CA_CERTS: file };
		const { stdout } = await promisify(execFile)(process.execPath, program, { cwd: ROOT, env });
		return String(stdout.trim().split("\n").at(-1));
	}

	it("is connected to over verified TLS by an application that says nothing of it", async () => {
		await expect(connectByDefault(authority.certificate)).resolves.toBe("TLSv1.3");
	});

	it("is not connected to when another server answers under its name", async () => {
		await expect(connectByDefault(stranger.certificate)).resolves.toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
		await expect(connect({ host: AWS_HOST })).resolves.toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
	});

	it("is not connected to under another name or without TLS", async () => {
		await serveTls(servers.server, { server: authority.issue({ names: ["localhost"] }) });
		await expect(connect({ host: AWS_HOST, tls: trusting })).resolves.toBe("ERR_TLS_CERT_ALTNAME_INVALID");

		await serveTls(servers.server, { server: undefined });
		await expect(connect({ host: AWS_HOST })).resolves.toBe("The server does not support SSL connections");
	});

	it("is connected to without TLS when that is said, with a warning that names it", async () => {
		const warn = jest.spyOn(Logger.prototype, "warn").mockReturnValue();

		await expect(connect({ host: AWS_HOST, tls: false })).resolves.toBe("plain");
		expect(warn.mock.calls.flat()).toEqual([expect.stringContaining(`The connection to "${AWS_HOST}" is not encrypted`)]);
	});

	it("is verified behind a tunnel that it is named for", async () => {
		await expect(connect({ host: "127.0.0.1", tls: { ...trusting, servername: AWS_HOST } })).resolves.toBe("TLSv1.3");
	});
});

describe("The start of a Nest application", () => {
	it("logs what to do about a certificate that is refused, once, and leaves the driver's error as it is", async () => {
		const warn = jest.spyOn(Logger.prototype, "warn").mockReturnValue();
		const { config } = await createSceneDatabase(servers);
		const typeOrm = { retryAttempts: 2, retryDelay: 1 };

		const failure: unknown = await startNestApplication({ config: { ...config, host: "localhost", tls: true }, typeOrm }).catch(
			(error: unknown) => error,
		);

		expect(failure).toMatchObject({ code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
		expect(warn.mock.calls.flat()).toEqual([
			expect.stringMatching(/^Connector "default": The database cannot be connected to: .*tls\.ca/),
		]);
	});

	it("tries again as often as Nest says", async () => {
		const { config } = await createSceneDatabase(servers);
		const retried: unknown[] = [];
		const typeOrm = { retryAttempts: 3, retryDelay: 1, toRetry: (error: unknown) => retried.push(error) > 0 };

		await expect(startNestApplication({ config: { ...config, host: "localhost", tls: true }, typeOrm })).rejects.toThrow();
		expect(retried).toHaveLength(3);
	});

	it("logs in with AWSPENDING over the same TLS", async () => {
		const rules = ["hostssl all all 127.0.0.1/32 scram-sha-256"];
		await serveTls(servers.server, { rules, server: authority.issue({ names: ["localhost"] }) });
		const { aws, config, secretId, server, users } = await createSceneDatabase(servers);
		aws.secrets.put(secretId, { password: "next", username: users[0] }, { stages: ["AWSPENDING"] });
		await server.setPassword(users[0], "next");

		const { application, dataSource } = await startNestApplication({ config: { ...config, host: "localhost", tls: trusting } });
		const { password } = dataSource.options as { readonly password?: unknown };
		await application.close();

		expect(password).toBe("next");
	});
});

describe.each(typeOrmVersionsFor("postgres"))("A rotation on TypeORM $label", (version) => {
	let scene: Scene;

	async function countEncrypted(): Promise<{ encrypted: number; open: number }> {
		const { rows } = await servers.server.admin.query<{ encrypted: number; open: number }>(
			`SELECT count(*) FILTER (WHERE ssl)::int AS encrypted, count(*)::int AS open FROM pg_stat_ssl
			JOIN pg_stat_activity USING (pid) WHERE datname = $1`,
			[scene.database],
		);
		return rows[0] as { encrypted: number; open: number };
	}

	it("opens its connections over the same TLS", async () => {
		scene = await startScene(servers, { config: { host: "localhost", tls: trusting }, version });
		await scene.alternate();

		const first = await scene.rotator.rotateDatabaseConnection();
		const second = await scene.rotator.rotateDatabaseConnection();
		await scene.waitForUser(scene.users[1]);
		await fillPool(scene.dataSource, 3);
		const { encrypted, open } = await countEncrypted();

		expect([first.outcome, second.outcome]).toEqual(["rotated", "unchanged"]);
		expect(open).toBeGreaterThan(0);
		expect(encrypted).toBe(open);
	});

	it("that fails at TLS says what to do, and keeps what serves", async () => {
		scene = await startScene(servers, { config: { host: "localhost", tls: trusting }, version });
		await serveTls(servers.server, { server: stranger.issue({ names: ["localhost"] }) });
		await scene.alternate();

		const result = await scene.rotator.rotateDatabaseConnection();
		const user = await scene.findUser();

		expect(result).toMatchObject({
			error: { cause: { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }, phase: "connect" },
			outcome: "failed",
		});
		expect(result).toHaveProperty(
			"error.message",
			expect.stringMatching(/\(UNABLE_TO_VERIFY_LEAF_SIGNATURE\); the authority .* tls\.ca/),
		);
		expect(user).toBe(scene.users[0]);
	});

	it("leaves alone the ssl that an application puts on top", async () => {
		const ssl = { ca: authority.certificate };
		scene = await startScene(servers, {
			config: { host: "localhost" },
			override: (options) => ({ ...options, ssl }) as DataSourceOptions,
			version,
		});
		await scene.alternate();

		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		const { encrypted, open } = await countEncrypted();

		expect(outcome).toBe("rotated");
		expect(scene.dataSource.options).toHaveProperty("ssl", ssl);
		expect(encrypted).toBe(open);
	});
});

describe("A host that moves to AWS", () => {
	it("is connected to over TLS from then on", async () => {
		const lead = leadToLoopback(AWS_HOST);
		await serveTls(servers.server, { server: authority.issue({ names: [AWS_HOST] }) });
		let host = "127.0.0.1";
		const read = ({ path }: { readonly path: readonly string[] }): string | null =>
			path.at(-1) === "host" ? host : path.at(-1) === "port" ? String(servers.server.port) : null;
		const parameterSource = {
			get: read,
			getMany: async (lookups: readonly { readonly path: readonly string[] }[]) => Promise.resolve(lookups.map(read)),
		};
		const { config } = await createSceneDatabase(servers);
		delete config.host;
		const connector = new TypeOrmAwsConnectorService(undefined, parameterSource, config);
		const before = await connector.getTypeOrmOptions();

		host = AWS_HOST;
		const { options } = await connector.resolveConnection({ shouldRefresh: true });
		const [plan] = planServers(before, options, new Map());
		lead();

		expect(before).not.toHaveProperty("ssl");
		expect(plan).toMatchObject({ isUnchanged: false, server: { host: AWS_HOST, ssl: { rejectUnauthorized: true } } });
	});
});
