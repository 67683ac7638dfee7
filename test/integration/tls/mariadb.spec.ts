/** TLS with a real MariaDB and real certificates, through mysql2: what connects, what is refused and how that reads. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { findTlsRemedy } from "../../../src/support/tls-failure.js";
import { CertificateAuthority, type IssuedCertificate } from "../../support/certificates.js";
import { describeWith } from "../../support/describe-with.js";
import { leadToLoopback } from "../../support/lead-to-loopback.js";
import type { MariadbServer } from "../../support/mariadb/mariadb-server.js";
import { createSceneDatabase, type SceneServers, startScene, startSceneServers } from "../../support/rotating-database.js";
import { LATEST_TYPEORM, typeOrmVersionsFor } from "../../support/typeorm-versions.js";

const AWS_HOST = "shop.abc123.eu-west-1.rds.amazonaws.com";

const authority = new CertificateAuthority("Database CA");
const stranger = new CertificateAuthority("Unknown CA");
const clients = new CertificateAuthority("Client CA");
const trusting = { ca: authority.certificate };

describeWith("mariadb")("MariaDB", () => {
	let folder: string;
	let servers: SceneServers<MariadbServer>;

	beforeAll(async () => {
		folder = await mkdtemp(join(tmpdir(), "tls-"));
		await chmod(folder, 0o755);
		await writeFile(join(folder, "ca.pem"), clients.certificate);
		await writeCertificate(authority.issue({ names: ["localhost"] }));
		const settings = { "ssl-ca": join(folder, "ca.pem"), "ssl-cert": join(folder, "server.pem"), "ssl-key": join(folder, "key.pem") };
		servers = await startSceneServers({ engine: "mariadb", settings });
	});

	beforeEach(async () => serve(authority.issue({ names: ["localhost"] })));

	afterAll(async () => {
		await servers.stop();
		await rm(folder, { recursive: true });
	});

	async function writeCertificate({ certificate, key }: IssuedCertificate): Promise<void> {
		await writeFile(join(folder, "server.pem"), certificate);
		await writeFile(join(folder, "key.pem"), key);
	}

	/** Applies to connections that are opened from now on. */
	async function serve(issued: IssuedCertificate): Promise<void> {
		await writeCertificate(issued);
		await servers.server.admin.query("FLUSH SSL");
	}

	/** How a connection with these settings ends: the version of TLS, `plain`, or the driver's words and what to do about them. */
	async function connect(config: Partial<ITypeOrmAwsConnectorConfig>, version = LATEST_TYPEORM, from = servers): Promise<string> {
		const scene = await createSceneDatabase(from);
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, { ...scene.config, host: "localhost", ...config });
		const options = await connector.getTypeOrmOptions();
		const { DataSource } = version.load();
		const dataSource = new DataSource(options);
		try {
			await dataSource.initialize();
			const rows: { Value: string }[] = await dataSource.query("SHOW STATUS LIKE 'Ssl_version'");
			return rows[0]?.Value === "" ? "plain" : String(rows[0]?.Value);
		} catch (error) {
			return `${(error as Error).message}; ${String(findTlsRemedy(error))}`;
		} finally {
			if (dataSource.isInitialized) await dataSource.destroy();
		}
	}

	describe.each(typeOrmVersionsFor("mariadb"))("on TypeORM $label", (version) => {
		it.each(["mysql", "mariadb"] as const)("is verified by the authority that is given (%s)", async (type) => {
			await expect(connect({ tls: trusting, type }, version)).resolves.toBe("TLSv1.3");
		});

		it("is connected to without TLS where nothing is said", async () => {
			await expect(connect({}, version)).resolves.toBe("plain");
			await expect(connect({ tls: false }, version)).resolves.toBe("plain");
		});
	});

	it.each([
		["another name", authority.issue({ names: ["other.test"] }), /does not match certificate's altnames.*; .*tls\.servername/],
		[
			"a certificate that has expired",
			authority.issue({ names: ["localhost"], validTo: new Date(Date.now() - 1_000) }),
			/has expired; .*out of date/,
		],
		["another authority", stranger.issue({ names: ["localhost"] }), /unable to verify the first certificate; .*tls\.ca/],
	])("is refused with %s", async (_, issued, text) => {
		await serve(issued);

		await expect(connect({ tls: trusting })).resolves.toMatch(text);
	});

	it("is refused without TLS, with a word on what to do", async () => {
		const plain = await startSceneServers({ engine: "mariadb" });
		try {
			await expect(connect({ tls: trusting }, undefined, plain)).resolves.toMatch(/not support secure connection; .*tls: false/);
		} finally {
			await plain.stop();
		}
	});

	it("is known by no other name than that of the host, of which an address has none", async () => {
		await expect(connect({ tls: { ...trusting, servername: "db.test" } })).rejects.toThrow(
			/tls\.servername.* is not possible with mysql2/,
		);
		await expect(connect({ host: "10.0.0.1", tls: trusting })).rejects.toThrow(/is not possible with an IP address and mysql2/);
		await expect(connect({ host: "127.0.0.1", tls: trusting })).resolves.toBe("TLSv1.3");
	});

	it("is not taken for another that has the address of this machine", async () => {
		await serve(authority.issue({ names: ["127.0.0.1"] }));

		await expect(connect({ host: "127.0.0.1", tls: trusting })).resolves.toMatch(/does not match certificate's altnames/);
	});

	it("gets the client's certificate", async () => {
		const show = (from: CertificateAuthority): object => {
			const { certificate: cert, key } = from.issue({ commonName: "app" });
			return { tls: { ...trusting, cert, key } };
		};

		await expect(connect(show(clients))).resolves.toBe("TLSv1.3");
		await expect(connect(show(stranger))).resolves.toMatch(/tls\.cert/);
	});

	it("is connected to over verified TLS under a name of AWS, and not under another", async () => {
		const restore = leadToLoopback(AWS_HOST);
		try {
			await expect(connect({ host: AWS_HOST, tls: trusting })).resolves.toMatch(/does not match certificate's altnames/);
			await serve(authority.issue({ names: [AWS_HOST] }));
			await expect(connect({ host: AWS_HOST, tls: trusting })).resolves.toBe("TLSv1.3");
			await expect(connect({ host: AWS_HOST })).resolves.toMatch(/unable to verify the first certificate; .*tls\.ca/);
		} finally {
			restore();
		}
	});

	it("is rotated over the same TLS", async () => {
		const scene = await startScene(servers, {
			config: { host: "localhost", tls: trusting },
			version: LATEST_TYPEORM,
		});
		await scene.alternate();

		const first = await scene.rotator.rotateDatabaseConnection();
		const second = await scene.rotator.rotateDatabaseConnection();
		const rows: { Value: string }[] = await scene.dataSource.query("SHOW STATUS LIKE 'Ssl_version'");
		await serve(stranger.issue({ names: ["localhost"] }));
		await scene.alternate();
		const third = await scene.rotator.rotateDatabaseConnection();
		await scene.stop();

		expect([first.outcome, second.outcome, third.outcome]).toEqual(["rotated", "unchanged", "failed"]);
		expect(rows[0]?.Value).toBe("TLSv1.3");
		expect(third).toHaveProperty("error.message", expect.stringMatching(/unable to verify the first certificate.*tls\.ca/));
	});
});
