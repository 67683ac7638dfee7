/** The doctor in front of MariaDB: the same claims through mysql2. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describeWith } from "../../support/describe-with.js";
import { type MariadbServer, startMariadb } from "../../support/mariadb/mariadb-server.js";
import { findSecretsInText, makeCanary } from "../../support/secret-search.js";
import { type CliRun, runHere } from "./run-cli.js";

const PASSWORD = makeCanary("password");

describeWith("mariadb")("MariaDB", () => {
	let fileCount = 0;
	let folder: string;
	let server: MariadbServer;

	beforeAll(async () => {
		folder = await mkdtemp(join(tmpdir(), "doctor-"));
		server = await startMariadb();
		await server.createDatabase("shop");
		await server.createRole("app", PASSWORD, { databases: ["shop"] });
	}, 60_000);

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
		["the database is not there", { databaseName: "casino" }, "databaseName", /Correct the option "databaseName"|GRANT/],
	])("is understood when %s", async (_, config, field, remedy) => {
		const run = await diagnose(config);

		expect(run.exitCode).toBe(1);
		expect(run.stdout).toMatch(new RegExp(`✗ {2}login +${field}$`, "m"));
		expect(run.stdout).toMatch(remedy);
		expect(findSecretsInText("output", `${run.stdout}${run.stderr}`)).toEqual([]);
	});

	it("is asked for TLS", async () => {
		const run = await diagnose({ host: "localhost", tls: {} });

		expect(run.exitCode).toBe(1);
		expect(run.stdout).toMatch(/✗ {2}server +tls$/m);
		expect(findSecretsInText("output", `${run.stdout}${run.stderr}`)).toEqual([]);
	});
});
