/** The doctor looks at each replica: its secret, its TLS and a login of its own, and what it finds there has the replica's name and place. */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Diagnosis } from "../../../src/cli/diagnosis.js";
import { CertificateAuthority } from "../../support/certificates.js";
import { describeWith } from "../../support/describe-with.js";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";
import { startMariadb } from "../../support/mariadb/mariadb-server.js";
import { type PostgresServer, startPostgres } from "../../support/postgres/postgres-server.js";
import { serveTls } from "../../support/postgres/serve-tls.js";
import { findSecretsInText, makeCanary } from "../../support/secret-search.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { runHere } from "./run-cli.js";

const PASSWORDS = { app: makeCanary("app"), reader: makeCanary("reader") };
const PLACE = ["--application", "shop", "--environment", "test", "--namespace", "api", "--instance", "main"];
const PATHS = {
	replicaHost: "/shop/test/aws-rds/aurora-postgres/reader/host",
	replicaSecretId: "/shop/test/aws-secrets-manager/database/reader/secret-id",
	secretId: "/shop/test/aws-secrets-manager/database/secret-id",
};
const REPLICA = { ssmLookups: { host: { path: ["reader", "host"] }, secretId: { path: ["reader", "secret-id"] } } };

let aws: FakeAws;
let fileCount = 0;
let folder: string;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "doctor-"));
});

beforeEach(async () => {
	aws = await startFakeAws();
	aws.secrets.put("shop/app", { password: PASSWORDS.app, username: "app" });
	aws.secrets.put("shop/reader", { password: PASSWORDS.reader, username: "reader" });
});

afterEach(async () => aws.stop());

afterAll(async () => rm(folder, { recursive: true }));

/** One server is master and replica at once: what is looked at is who logs in, and where. */
async function diagnose({ engine, host, port }: DatabaseServer, replica: object = REPLICA, own: object = {}): Promise<Diagnosis> {
	fileCount += 1;
	const file = join(folder, `connector-${String(fileCount)}.json`);
	await writeFile(file, JSON.stringify({ databaseName: "shop", host, port, replicas: [replica], type: engine, ...own }));
	const { stderr, stdout } = await runHere(["doctor", ...PLACE, "--config", file, "--json"], aws.env);
	expect(findSecretsInText("output", `${stdout}${stderr}`)).toEqual([]);
	return JSON.parse(stdout) as Diagnosis;
}

function listOutcomes({ checks }: Pick<Diagnosis, "checks">): string[] {
	return checks.map(({ name, outcome }) => `${name} ${outcome}`);
}

/** A server that answers whatever is asked with the same bytes, then hangs up. */
async function startAnswering(answer: string): Promise<{ readonly port: number; stop(): Promise<void> }> {
	const listener = createServer((socket) => {
		socket.on("error", () => undefined);
		socket.once("data", () => socket.end(answer));
	}).listen(0, "127.0.0.1");
	await once(listener, "listening");
	return {
		port: (listener.address() as AddressInfo).port,
		stop: async () => {
			listener.close();
			await once(listener, "close");
		},
	};
}

function describeReplica(start: () => Promise<DatabaseServer>): void {
	let server: DatabaseServer;

	beforeAll(async () => {
		server = await start();
		await server.createDatabase("shop");
		for (const [user, password] of Object.entries(PASSWORDS)) await server.createRole(user, password, { databases: ["shop"] });
	});

	beforeEach(() => {
		aws.parameters.putMany({
			[PATHS.replicaHost]: server.host,
			[PATHS.replicaSecretId]: "shop/reader",
			[PATHS.secretId]: "shop/app",
		});
	});

	afterAll(async () => server.stop());

	it("is looked at like the master, and logged in to with its own secret", async () => {
		const { checks, problems } = await diagnose(server);

		expect(problems).toEqual([]);
		expect(listOutcomes({ checks })).toEqual([
			"parameters passed",
			"secret passed",
			"replicas[0].secret passed",
			"server passed",
			"replicas[0].server passed",
			"login passed",
			"replicas[0].login passed",
		]);
		expect(checks.filter(({ name }) => name.endsWith("login")).map(({ detail }) => /user "(\w+)"/.exec(detail)?.[1])).toEqual([
			"app",
			"reader",
		]);
	});

	it.each([
		["without a secret of its own", {}],
		["with the secret of the master", { secretId: "shop/app" }],
	])("is logged in to as the master is %s", async (_, secret) => {
		const { checks, problems } = await diagnose(server, { host: server.host, ...secret });

		expect(problems).toEqual([]);
		expect(checks.map(({ name }) => name)).not.toContain("replicas[0].secret");
		expect(checks.at(-1)).toMatchObject({ detail: expect.stringContaining('user "app"'), name: "replicas[0].login" });
	});

	it.each<[string, () => unknown, string, { label: string; path: string; remedy: RegExp }]>([
		[
			"its secret does not exist",
			() => aws.secrets.delete("shop/reader"),
			"replicas[0].secret",
			{
				label: "replicas[0].secret-id",
				path: PATHS.replicaSecretId,
				remedy: /create-secret --name shop\/reader .*\n.* name another secret in \S+\/reader\/secret-id$/,
			},
		],
		[
			"its secret lacks a field",
			() => aws.secrets.put("shop/reader", { username: "reader" }),
			"replicas[0].secret",
			{ label: "replicas[0].password", path: PATHS.replicaSecretId, remedy: /put-secret-value --secret-id shop\/reader/ },
		],
		[
			"its host does not exist",
			() => aws.parameters.put(PATHS.replicaHost, "nowhere.invalid"),
			"replicas[0].server",
			{
				label: "replicas[0].host",
				path: PATHS.replicaHost,
				remedy: /put-parameter --name \S+\/reader\/host --overwrite/,
			},
		],
		[
			"its password is wrong",
			() => aws.secrets.put("shop/reader", { password: makeCanary("wrong"), username: "reader" }),
			"replicas[0].login",
			{ label: "replicas[0].password", path: PATHS.replicaSecretId, remedy: /rotate-secret --secret-id shop\/reader$/ },
		],
	])("is named when %s", async (_, spoil, name, { remedy, ...place }) => {
		spoil();

		const { checks, problems } = await diagnose(server);

		expect(problems).toEqual([
			{ ...place, code: expect.any(String), message: expect.any(String), remedy: expect.stringMatching(remedy) },
		]);
		expect(checks.filter(({ outcome }) => outcome === "failed").map((check) => check.name)).toEqual([name]);
	});

	it("is named with its options when its login is in code", async () => {
		const { host } = server;

		const { problems } = await diagnose(server, { host, password: makeCanary("wrong"), username: "reader" });

		expect(problems).toEqual([
			expect.objectContaining({
				label: "replicas[0].password",
				message: expect.stringContaining('user "reader" to database "shop" of replicas[0]'),
				remedy: 'Correct the options "replicas[0].username" and "replicas[0].password".',
			}),
		]);
		expect(problems[0]).not.toHaveProperty("path");
	});

	it("is named with its own port when no server answers there", async () => {
		const { port, stop } = await startAnswering("");
		await stop();

		const { problems } = await diagnose(server, { host: server.host, port });

		expect(problems).toEqual([
			expect.objectContaining({
				label: "replicas[0].host, replicas[0].port",
				message: expect.stringContaining(`:${String(port)} `),
				remedy: expect.stringContaining('Correct the options "replicas[0].host" and "replicas[0].port"'),
			}),
		]);
	});
}

describe("A replica on PostgreSQL", () => {
	describeReplica(startPostgres);

	describe("behind TLS", () => {
		const authority = new CertificateAuthority("Shop CA");
		let server: PostgresServer;

		beforeAll(async () => {
			server = await startPostgres();
			await serveTls(server, { server: authority.issue({ names: ["127.0.0.1"] }) });
		});

		afterAll(async () => server.stop());

		it("is named when it has none, though the master does", async () => {
			const { port, stop } = await startAnswering("N");
			const config = { password: PASSWORDS.app, tls: { ca: authority.certificate }, username: "app" };

			const { checks, problems } = await diagnose(server, { host: "127.0.0.1", port }, config);
			await stop();

			expect(listOutcomes({ checks })).toEqual([
				"parameters passed",
				"secret skipped",
				"server passed",
				"replicas[0].server failed",
				"login skipped",
			]);
			expect(problems).toEqual([
				expect.objectContaining({ label: "tls", message: `The server at 127.0.0.1:${String(port)} does not offer TLS.` }),
			]);
		});
	});
});

describeWith("mariadb")("A replica on MariaDB", () => describeReplica(startMariadb));
