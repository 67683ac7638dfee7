/** Servers that do not let in, for real: the log of a Nest application and the doctor name the same field, place and remedy. */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Logger } from "@nestjs/common";

import type { Diagnosis } from "../../../src/cli/diagnosis.js";
import type { ITypeOrmAwsConnectorModuleOptions } from "../../../src/configuration/connector.options.js";
import { CertificateAuthority } from "../../support/certificates.js";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";
import { APPLICATION_KEY, type IamScene, RDS_HOST, startIamScene } from "../../support/iam-gateway/iam-scene.js";
import { leadToLoopback } from "../../support/lead-to-loopback.js";
import { startNestApplication } from "../../support/nest-application.js";
import { type PostgresServer, startPostgres } from "../../support/postgres/postgres-server.js";
import { serveTls } from "../../support/postgres/serve-tls.js";
import { waitUntil } from "../../support/wait-until.js";
import { runHere } from "../cli/run-cli.js";

const LOOKUPS = { databaseName: "/shop/name", host: "/shop/host", port: "/shop/port", secretId: "/shop/secret", type: "/shop/type" };
const SECRET_ID = "shop/database";
const PASSWORD = "password-of-app";
/** A name that says nothing of AWS, as that of a tunnel or of a DNS alias. */
const ALIAS = "orders.db.internal";

let aws: FakeAws;
let fileCount = 0;
let folder: string;
let postgres: PostgresServer;
let warnings: string[];
const listeners: { readonly server: Server; readonly sockets: Set<Socket> }[] = [];
const restore: (() => void)[] = [];

beforeAll(async () => {
	aws = await startFakeAws();
	folder = await mkdtemp(join(tmpdir(), "logins-"));
	postgres = await startPostgres();
	await postgres.createDatabase("shop");
	await postgres.createRole("app", PASSWORD, { databases: ["shop"] });
	restore.push(...[ALIAS, RDS_HOST].map(leadToLoopback));
});

beforeEach(() => {
	const values = { databaseName: "shop", host: postgres.host, port: String(postgres.port), secretId: SECRET_ID, type: "postgres" };
	for (const [field, value] of Object.entries(values)) aws.parameters.put(LOOKUPS[field as keyof typeof LOOKUPS], value);
	aws.secrets.put(SECRET_ID, { password: PASSWORD, username: "app" });
	warnings = [];
	jest.spyOn(Logger.prototype, "warn").mockImplementation((message: unknown) => void warnings.push(String(message)));
});

afterEach(() => {
	for (const { server, sockets } of listeners.splice(0)) {
		for (const socket of sockets) socket.destroy();
		server.close();
	}
});

afterAll(async () => {
	for (const undo of restore.reverse()) undo();
	await postgres.stop();
	await aws.stop();
	await rm(folder, { recursive: true });
});

/** What both say. */
interface Findings {
	/** The warning of the connector about the login. */
	readonly application: string | undefined;
	readonly doctor: Diagnosis["problems"][number] | undefined;
}

async function findFaults(config: object = {}): Promise<Findings> {
	const file = join(folder, `connector-${String((fileCount += 1))}.json`);
	const options = { ssmLookups: LOOKUPS, ...config };
	await writeFile(file, JSON.stringify(options));
	const before = { ...process.env };
	Object.assign(process.env, aws.env);
	try {
		const typeOrm = { retryAttempts: 2, retryDelay: 1 };
		const given = { entities: [], ...options } as ITypeOrmAwsConnectorModuleOptions;
		await startNestApplication({ config: given, typeOrm }).then(
			async ({ application }) => application.close(),
			() => undefined,
		);
		await waitUntil("the connector has spoken", () => warnings.some((text) => /The login of|cannot be connected/.test(text)));
	} finally {
		process.env = before;
	}
	const application = warnings.find((text) => /The login of|cannot be connected/.test(text));
	const { stdout } = await runHere(["doctor", "--config", file, "--json"], aws.env);
	const [doctor] = (JSON.parse(stdout) as Diagnosis).problems;
	return { application, doctor };
}

/** The message of the log has cause, place and remedy in one; the doctor has them apart. */
function describeBoth(cause: RegExp, remedy: RegExp, { label, path }: { readonly label: string; readonly path?: string }): object {
	const origin = path === undefined ? "" : `.*comes from ${path}\\.`;
	return {
		application: expect.stringMatching(new RegExp(`${cause.source}.*${origin} .*${remedy.source}`)) as string,
		doctor: {
			label,
			message: expect.stringMatching(cause) as string,
			remedy: expect.stringMatching(remedy) as string,
			...(path !== undefined && { path }),
		},
	};
}

async function listen(answer: (socket: Socket) => void): Promise<void> {
	const sockets = new Set<Socket>();
	const server = createServer((socket) => {
		sockets.add(socket);
		socket.on("error", () => undefined);
		answer(socket);
	});
	listeners.push({ server, sockets });
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	aws.parameters.put(LOOKUPS.port, String((server.address() as AddressInfo).port));
}

/** An answer of PostgreSQL: this code, these words. */
function writeError(code: string, words: string): Buffer {
	const fields = ["SFATAL", `C${code}`, `M${words}`, ""].map((field) => `${field}\0`).join("");
	const message = Buffer.concat([Buffer.from("E\0\0\0\0"), Buffer.from(fields)]);
	message.writeInt32BE(message.length - 1, 1);
	return message;
}

describe("the login", () => {
	it("has another password than the server: the secret is named", async () => {
		aws.secrets.put(SECRET_ID, { password: "another", username: "app" });

		expect(await findFaults()).toMatchObject(
			describeBoth(
				/user "app" to database "shop" fails: .* the password \(28P01\)/,
				/aws secretsmanager rotate-secret --secret-id shop\/database/,
				{
					label: "password",
					path: LOOKUPS.secretId,
				},
			),
		);
	});

	it("has a password in code: no secret is blamed", async () => {
		const { application, doctor } = await findFaults({ password: "another", username: "app" });

		expect({ application, doctor }).toMatchObject(
			describeBoth(/does not accept the password \(28P01\)/, /Correct the options "username" and "password"\./, {
				label: "password",
			}),
		);
		expect(`${String(application)}${String(doctor?.remedy)}`).not.toMatch(/secretsmanager/);
	});

	it("has a user in the secret and a password in code, which is the one that is wrong", async () => {
		expect(await findFaults({ password: "another" })).toMatchObject(
			describeBoth(/does not accept the password/, /Correct the option "password": it is given in code/, { label: "password" }),
		);
	});

	it("is of a user who takes tokens only", async () => {
		await listen((socket) => socket.once("data", () => socket.end(writeError("28000", 'PAM authentication failed for user "app"'))));

		expect(await findFaults()).toMatchObject(
			describeBoth(/takes no password of this user \(28000\)/, /source: "rds-iam".* REVOKE rds_iam FROM "app";/, {
				label: "password",
			}),
		);
	});

	it("wants a database that is not there", async () => {
		aws.parameters.put(LOOKUPS.databaseName, "orders");

		expect(await findFaults()).toMatchObject(
			describeBoth(/no such database \(3D000\)/, /aws ssm put-parameter --name \/shop\/name --overwrite/, {
				label: "databaseName",
				path: LOOKUPS.databaseName,
			}),
		);
	});
});

describe("the server", () => {
	it("is not there", async () => {
		await listen(() => undefined);
		for (const { server } of listeners.splice(0)) server.close();

		const { application, doctor } = await findFaults();

		expect(application).toMatch(
			/does not answer \(ECONNREFUSED\)\. "host" comes from \/shop\/host\. aws ssm put-parameter --name \/shop\/host /,
		);
		expect(doctor).toMatchObject({ label: "host, port", path: LOOKUPS.host, remedy: expect.stringContaining("--name /shop/host") });
	});

	it("has no address", async () => {
		aws.parameters.put(LOOKUPS.host, "db.invalid");

		const { application, doctor } = await findFaults();

		expect(application).toMatch(
			/a name that leads nowhere \((?:ENOTFOUND|EAI_AGAIN)\)\. "host" comes from \/shop\/host\. .*--name \/shop\/host /,
		);
		expect(doctor).toMatchObject({ label: "host", path: LOOKUPS.host, remedy: expect.stringContaining("--name /shop/host") });
	});

	it.each(["hostnossl all all 127.0.0.1/32 reject", "hostssl all all 127.0.0.1/32 scram-sha-256"])(
		"wants TLS by the rule %s",
		async (rule) => {
			const authority = new CertificateAuthority("Shop CA");
			await serveTls(postgres, {
				rules: [rule, "host all all 127.0.0.1/32 scram-sha-256"].slice(0, rule.includes("reject") ? 2 : 1),
				server: authority.issue({ names: ["127.0.0.1"] }),
			});

			const { application, doctor } = await findFaults();
			await serveTls(postgres, { server: undefined });

			expect(application).toMatch(/cannot be connected to: the server wants TLS: give tls: true/);
			expect(doctor).toMatchObject({ label: "tls", remedy: "The server wants TLS: give tls: true" });
		},
	);

	it("takes the connection and says nothing", async () => {
		await listen((socket) => socket.resume());

		const { application } = await findFaults({ connectionTimeoutMs: 300 });

		expect(application).toMatch(/takes the connection and says nothing \(.*\)\. "host" comes from \/shop\/host\. .* is it this server/);
	});
});

describe("a token", () => {
	let scene: IamScene;

	beforeAll(async () => {
		scene = await startIamScene("rds-db", "postgres", { isDirect: true });
	});

	afterAll(async () => scene.stop());

	it.each<[string, (scene: IamScene) => object, RegExp]>([
		[
			"of another identity",
			({ config }) => ({ ...config, aws: { credentials: { ...APPLICATION_KEY, accessKeyId: "AKIAANOTHER000000001" } } }),
			/policy --resource-id .* GRANT rds_iam TO "app";.* region of the token is eu-west-1\..* date -u/,
		],
		[
			"for a CNAME",
			({ config }) => ({ ...config, credentials: { region: "eu-west-1", source: "rds-iam" }, host: ALIAS }),
			/"orders\.db\.internal" is none \(a CNAME, a tunnel\): give host: "shop\.cluster-abc123\.eu-west-1\.rds\.amazonaws\.com"\./,
		],
		[
			"for another region",
			({ config }) => ({ ...config, credentials: { region: "us-east-1", source: "rds-iam" } }),
			/The region of the token is us-east-1\./,
		],
	])("%s is refused, and IAM is looked at, not pg_hba.conf", async (_, describeConfig, remedy) => {
		const findings = await findFaults({ ...describeConfig(scene), ssmLookups: {} });

		expect(findings).toMatchObject(describeBoth(/the server does not take the token \(28000\)/, remedy, { label: "username" }));
		expect(JSON.stringify(findings)).not.toMatch(/pg_hba|X-Amz-/);
	});
});
