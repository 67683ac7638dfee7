/** The doctor in front of MariaDB: the same claims through mysql2. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { CertificateAuthority } from "../../support/certificates.js";
import { describeWith } from "../../support/describe-with.js";
import { type MariadbServer, startMariadb } from "../../support/mariadb/mariadb-server.js";
import { findSecretsInText, makeCanary } from "../../support/secret-search.js";
import { type CliRun, runHere } from "./run-cli.js";

const authority = new CertificateAuthority("Shop CA");
const PASSWORD = makeCanary("password");

describeWith("mariadb")("MariaDB", () => {
	let fileCount = 0;
	let folder: string;
	let server: MariadbServer;

	beforeAll(async () => {
		folder = await mkdtemp(join(tmpdir(), "doctor-"));
		// When this runs as root, the server runs as another user.
		await chmod(folder, 0o755);
		const { certificate, key } = authority.issue({ names: ["localhost"] });
		await writeFile(join(folder, "server.pem"), certificate);
		await writeFile(join(folder, "key.pem"), key);
		server = await startMariadb({ settings: { "ssl-cert": join(folder, "server.pem"), "ssl-key": join(folder, "key.pem") } });
		await server.createDatabase("shop");
		await server.createRole("app", PASSWORD, { databases: ["shop"] });
	});

	afterAll(async () => {
		await server.stop();
		await rm(folder, { recursive: true });
	});

	async function diagnose(config: object = {}): Promise<CliRun> {
		fileCount += 1;
		const file = join(folder, `connector-${String(fileCount)}.json`);
		const { host, port } = server;
		const given = { databaseName: "shop", host, password: PASSWORD, port, type: "mariadb", username: "app" };
		await writeFile(file, JSON.stringify({ ...given, ...config }));
		return runHere(["doctor", "--config", file], {});
	}

	it("is fine", async () => {
		const run = await diagnose();

		expect(run.exitCode).toBe(0);
		expect(run.stdout).toMatch(/✓ {2}login +user "app" is let into "shop" and SELECT 1 answers/);
		expect(findSecretsInText("output", `${run.stdout}${run.stderr}`)).toEqual([]);
	});

	it.each([
		["the password is wrong", { password: makeCanary("wrong") }, "password", /Correct the options "username" and "password"/],
		["the database is not there", { databaseName: "casino" }, "databaseName", /GRANT … ON database/],
	])("is understood when %s", async (_, config, field, remedy) => {
		const run = await diagnose(config);

		expect(run.exitCode).toBe(1);
		expect(run.stdout).toMatch(new RegExp(`✗ {2}login +${field}$`, "m"));
		expect(run.stdout).toMatch(remedy);
		expect(findSecretsInText("output", `${run.stdout}${run.stderr}`)).toEqual([]);
	});

	it("is asked for TLS in the middle of its own greeting", async () => {
		const trusted = await diagnose({ host: "localhost", tls: { ca: authority.certificate } });
		const unknown = await diagnose({ host: "localhost", tls: {} });

		expect(trusted.stdout).toMatch(/✓ {2}server +localhost:\d+ answers with TLSv1\.[23], certificate of Shop CA, valid until/);
		expect(trusted.exitCode).toBe(0);
		expect(unknown.stdout).toMatch(/✗ {2}server +tls$/m);
		expect(unknown.stdout).toMatch(/TLS with localhost:\d+ fails: \w+\.\n {5}tls\n {5}> .*tls\.ca/);
		expect(unknown.exitCode).toBe(1);
	});
});
