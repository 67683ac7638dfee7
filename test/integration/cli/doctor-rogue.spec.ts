/** The doctor before a server that is not the database, and before texts that were written for its terminal. */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Diagnosis } from "../../../src/cli/diagnosis.js";
import { hasControlCharacters } from "../../../src/errors/clean-text.js";
import { CertificateAuthority } from "../../support/certificates.js";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";
import { leadToLoopback } from "../../support/lead-to-loopback.js";
import { type RogueServer, startRogueMysql, startRoguePostgres } from "../../support/rogue-server.js";
import { findSecretsInText, makeCanary } from "../../support/secret-search.js";
import { CANONICAL_PARAMETERS } from "../../support/stub-parameter-source.js";
import { type CliRun, runHere } from "./run-cli.js";

const PLACE = ["--application", "shop", "--environment", "test", "--namespace", "api", "--instance", "main"];
const PATHS = {
	databaseName: "/shop/test/api/main/postgres/database-name",
	host: "/shop/test/aws-rds/aurora-postgres/host",
	port: "/shop/test/aws-rds/aurora-postgres/port",
	secretId: "/shop/test/aws-secrets-manager/database/secret-id",
	type: "/shop/test/api/main/postgres/type",
};
const HOST = "db.rogue.internal";
const AWS_HOST = "shop.abc123.eu-west-1.rds.amazonaws.com";
const PASSWORD = makeCanary("password");

let aws: FakeAws;
let fileCount = 0;
let folder: string;
let rogue: RogueServer | undefined;
const ways: (() => void)[] = [];

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "doctor-"));
	ways.push(...[HOST, AWS_HOST].map(leadToLoopback));
});

beforeEach(async () => {
	aws = await startFakeAws();
	aws.parameters.putMany(CANONICAL_PARAMETERS);
	aws.secrets.put("app/database", { password: PASSWORD, username: "app" });
});

afterEach(async () => {
	await rogue?.stop();
	rogue = undefined;
	await aws.stop();
});

afterAll(async () => {
	for (const restore of ways.reverse()) restore();
	await rm(folder, { recursive: true });
});

async function diagnose(config: object = {}, ...options: string[]): Promise<CliRun> {
	fileCount += 1;
	const file = join(folder, `connector-${String(fileCount)}.json`);
	await writeFile(file, JSON.stringify(config));
	return runHere(["doctor", ...PLACE, "--config", file, ...options], aws.env);
}

function lead(server: RogueServer, host: string, type = "postgres"): void {
	rogue = server;
	aws.parameters.putMany({ [PATHS.host]: host, [PATHS.port]: String(server.port), [PATHS.type]: type });
}

describe("A connection in clear to another machine", () => {
	it.each(["postgres", "mysql", "mariadb"])("gets no login from the doctor (%s)", async (type) => {
		lead(type === "postgres" ? await startRoguePostgres() : await startRogueMysql("caching_sha2_password"), HOST, type);

		const run = await diagnose();

		expect(rogue?.passwords).toEqual([]);
		expect(run.exitCode).toBe(1);
		expect(run.stdout).toContain(`The connection to ${HOST} is not encrypted: a login would show the password`);
		expect(run.stdout).toMatch(/✗ {2}server +tls$/m);
		expect(run.stdout).toMatch(/– {2}login/);
		expect(run.stdout).toMatch(/--allow-plaintext/);
	});

	it.each<[string, object]>([
		["tls is false", { tls: false }],
		["ssl is null", { typeOrmOptions: { ssl: null } }],
		["extra.ssl is 0", { typeOrmOptions: { extra: { ssl: 0 } } }],
	])("of a database of AWS gets none where %s, and no advice to go on without TLS", async (_, config) => {
		lead(await startRoguePostgres(), AWS_HOST);

		const run = await diagnose(config);

		expect(rogue?.passwords).toEqual([]);
		expect(run.exitCode).toBe(1);
		expect(run.stdout).toContain("A database of AWS offers TLS");
		expect(run.stdout).not.toContain("--allow-plaintext");
	});

	it("gets none at a replica either", async () => {
		lead(await startRoguePostgres(), "127.0.0.1");

		const run = await diagnose({ replicas: [{ host: HOST, port: rogue?.port }] });

		expect(rogue?.passwords).toEqual([]);
		expect(run.exitCode).toBe(1);
		expect(run.stdout).toMatch(/✗ {2}replicas\[0\]\.server +tls$/m);
	});

	it.each(["AWSCURRENT", "AWSPENDING"])("gets none where only the secret knows the host, with a login in %s", async (stage) => {
		rogue = await startRoguePostgres();
		const target = { dbname: "shop", engine: "postgres", host: HOST, port: rogue.port };
		aws.secrets.put("app/database", { ...target, password: PASSWORD, username: "app" });
		if (stage === "AWSPENDING") {
			const pending = { ...target, password: makeCanary("pending"), username: "app" };
			aws.secrets.put("app/database", pending, { stages: [stage] });
		}
		const config = { credentials: { shouldReadEndpointFromSecret: true, source: "secrets-manager" } };

		const run = await diagnose(config);

		expect(rogue.passwords).toEqual([]);
		expect(run.exitCode).toBe(1);
		expect(run.stdout).toContain(`The connection to ${HOST} is not encrypted`);
	});

	it.each<[string, object, string[]]>([
		["the flag", {}, ["--allow-plaintext"]],
		["the option", { isPlaintextAllowed: true }, []],
	])("gets one where %s says so", async (_, config, options) => {
		lead(await startRoguePostgres(), HOST);

		await diagnose(config, ...options);

		expect(rogue?.passwords).toEqual([PASSWORD]);
	});
});

describe("A text that is written for a terminal", () => {
	const HOSTILE = "\u001b[2J\u009b2J\u202e\r\n ✓  login  FORGED\n\u001b]0;pwned\u0007";
	let server: Server | undefined;

	afterEach(async () => {
		if (server === undefined) return;
		server.close();
		await once(server, "close");
		server = undefined;
	});

	/** A PostgreSQL server that answers the login with an error of its own making. */
	async function refuseWith(code: string, message: string): Promise<void> {
		const fields = ["SFATAL", `C${code}`, `M${message}`, ""].map((field) => `${field}\0`).join("");
		const answer = Buffer.concat([Buffer.from("E\0\0\0\0"), Buffer.from(fields)]);
		answer.writeInt32BE(answer.length - 1, 1);
		server = createServer((socket) => {
			socket.on("error", () => undefined);
			socket.once("data", () => socket.end(answer));
			socket.resume();
		}).listen(0, "127.0.0.1");
		await once(server, "listening");
		aws.parameters.putMany({ [PATHS.host]: "127.0.0.1", [PATHS.port]: String((server.address() as AddressInfo).port) });
	}

	/** Where it can come from. */
	const SOURCES: Readonly<Record<string, () => Promise<object> | object>> = {
		"a code of an error of the server": async () => {
			await refuseWith(HOSTILE, "no");
			return {};
		},
		"a message of the server": async () => {
			await refuseWith("XX000", HOSTILE);
			return {};
		},
		"a message of Secrets Manager": () => {
			aws.faults.inject({
				errorMessage: `no${HOSTILE}.`,
				errorName: "ValidationException",
				kind: "custom-error",
				service: "secretsmanager",
			});
			return {};
		},
		"a message of Parameter Store": () => {
			aws.faults.inject({ errorMessage: `no${HOSTILE}.`, errorName: "ValidationException", kind: "custom-error", service: "ssm" });
			return {};
		},
		"the name of a certificate's authority": async () => {
			const authority = new CertificateAuthority(`CA${HOSTILE}`);
			lead(await startRoguePostgres(authority.issue({ names: ["127.0.0.1"] })), "127.0.0.1");
			return { typeOrmOptions: { ssl: { rejectUnauthorized: false } } };
		},
		"the name of a database": () => {
			aws.parameters.put(PATHS.databaseName, `shop${HOSTILE}x`);
			return {};
		},
		"the name of a host": () => {
			aws.parameters.put(PATHS.host, `db${HOSTILE}x`);
			return {};
		},
		"the user in a secret": () => {
			aws.secrets.put("app/database", { password: PASSWORD, username: `app${HOSTILE}x` });
			return {};
		},
		"the value of a choice": () => {
			aws.parameters.put(PATHS.type, "\u001b[2J\n ✓");
			return {};
		},
	};

	/** What is shown of the sources that are not refused before. */
	const SHOWN = /server$|message of|authority$|choice$/;

	it.each(Object.entries(SOURCES))("in %s does not reach it", async (source, prepare) => {
		const config = await prepare();

		const text = await diagnose(config);
		const json = await diagnose(config, "--json");

		const lines = [text.stdout, text.stderr, json.stdout, json.stderr].flatMap((output) => output.split("\n"));
		expect([text.exitCode, json.exitCode]).toEqual([1, 1]);
		expect(lines.filter(hasControlCharacters)).toEqual([]);
		expect(lines.filter((line) => line.startsWith(" ✓  login"))).toEqual([]);
		// That the text arrived, written out.
		expect(text.stdout.includes("\\u{1b}")).toBe(SHOWN.test(source));
		expect((JSON.parse(json.stdout) as Diagnosis).isValid).toBe(false);
	});
});

describe("A SecureString at the wrong place", () => {
	it.each(["databaseName", "host", "secretId"] as const)("is not shown where it can be a %s", async (field) => {
		const value = field === "host" ? makeCanary("host").replaceAll("_", "-") : makeCanary(field);
		lead(await startRoguePostgres(), "127.0.0.1");
		aws.parameters.put(PATHS[field], value, "SecureString");
		if (field === "secretId") aws.secrets.put(value, { password: PASSWORD, username: "app" });

		const runs = [await diagnose({}, "--decrypt"), await diagnose({}, "--decrypt", "--json")];
		aws.secrets.delete(value);
		const missing = [await diagnose({}, "--decrypt"), await diagnose({}, "--decrypt", "--json")];

		const output = [...runs, ...missing].map(({ stderr, stdout }) => `${stdout}${stderr}`);
		expect(output.flatMap((text) => findSecretsInText("output", text))).toEqual([]);
		expect(output.every((text) => text.includes("[hidden]"))).toBe(true);
	});

	it.each(["databaseName", "host", "port", "secretId", "type"] as const)("is named as such where %s was not decrypted", async (field) => {
		aws.parameters.put(PATHS[field], makeCanary("text"), "SecureString");

		const run = await diagnose();

		expect(run.exitCode).toBe(1);
		expect(run.stdout).toContain("is a SecureString that was not decrypted");
		expect(run.stdout).toContain("Add --decrypt here, and shouldDecryptParameters: true in the application.");
		expect(findSecretsInText("output", `${run.stdout}${run.stderr}`)).toEqual([]);
	});

	it.each(["hunter2", "48151623421"])(
		"of a few characters (%s) is not shown where a port is, and decrypting is no remedy",
		async (value) => {
			aws.parameters.put(PATHS.port, value, "SecureString");

			const run = await diagnose({}, "--decrypt");

			expect(run.exitCode).toBe(1);
			expect(run.stdout).toContain("not what is in the SecureString");
			expect(`${run.stdout}${run.stderr}`).not.toContain(value);
			expect(run.stdout).not.toContain("Add --decrypt");
		},
	);
});

it.each(["postgres://app:hunter2@db/x", "app:hunter2/x@db"])(
	"shows no login of an address in the place of a database: %s",
	async (databaseName) => {
		lead(await startRoguePostgres(), "127.0.0.1");
		aws.parameters.put(PATHS.databaseName, databaseName);

		const runs = [await diagnose(), await diagnose({}, "--json")];

		expect(runs.map(({ stdout }) => stdout).join()).not.toContain("hunter2");
		expect(runs.every(({ stdout }) => stdout.includes("[hidden]@db"))).toBe(true);
	},
);
