/** No password, token, key or text of a secret shows up in anything that the library prints, reports, throws or lets be looked at. */
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { inspect } from "node:util";

import { Logger } from "@nestjs/common";
import type { Pool } from "pg";

import { Credentials } from "../../src/credentials/credentials-provider.js";
import { LoginBreaker } from "../../src/acquire/login-breaker.js";
import { hasControlCharacters } from "../../src/errors/clean-text.js";
import { LiveDataSource } from "../../src/drivers/live-data-source.js";
import { listServerOptions, toLooseOptions } from "../../src/drivers/loose-options.js";
import { systemClock } from "../../src/support/clock.js";
import {
	type CanaryApplication,
	type CanaryOptions,
	failToStart,
	startCanaryApplication,
	type StartFailure,
} from "../support/canary-application.js";
import type { Fault } from "../../src/testing/faults.js";
import { recordOutput } from "../support/output-recorder.js";
import { type SceneDatabase, type SceneServers, startSceneServers } from "../support/rotating-database.js";
import { type Finding, findSecrets, findSecretsInText, makeCanary } from "../support/secret-search.js";
import { LATEST_TYPEORM, typeOrmVersionsFor } from "../support/typeorm-versions.js";
import { waitUntil } from "../support/wait-until.js";

let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers();
});

afterAll(async () => servers.stop());

/** What AWS and the configuration say is the same to every TypeORM. */

const CANARY = makeCanary("planted");

/** Nest's own logger colours its lines. */
const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

class Holder {
	readonly #hidden: string;

	constructor(secret: string) {
		this.#hidden = secret;
	}

	reveal(): string {
		return this.#hidden;
	}
}

describe("The search itself", () => {
	it.each<[string, unknown]>([
		["a text", `the password is ${CANARY}.`],
		["ten characters of a canary", CANARY.slice(3, 13)],
		["a canary in base64", Buffer.from(`user:${CANARY}`).toString("base64")],
		["a canary in base64, moved by one byte", Buffer.from(`user1:${CANARY}`).toString("base64")],
		["a canary in base64, moved by two bytes", Buffer.from(`user12:${CANARY}`).toString("base64")],
		["a canary in hexadecimal", Buffer.from(CANARY).toString("hex")],
		["a message", new Error(CANARY)],
		["the cause of a cause", new Error("one", { cause: new Error("two", { cause: new Error(CANARY) }) })],
		["a stack", Object.assign(new Error("one"), { stack: CANARY })],
		["a property that is not enumerable", Object.defineProperty({}, "password", { value: CANARY })],
		["a property named by a symbol", { [Symbol("password")]: CANARY }],
		["the name of a property", { [CANARY]: 1 }],
		["a list in a list", Array.from({ length: 12 }).reduce<unknown>((list) => [list], CANARY)],
		["a map", new Map([["password", { deep: CANARY }]])],
		["a set", new Set([CANARY])],
		["bytes", { body: Buffer.from(CANARY) }],
		["a property of a function", Object.assign(() => undefined, { password: CANARY })],
		["what JSON.stringify() alone shows", { toJSON: () => CANARY }],
		["what util.inspect() alone shows", { [inspect.custom]: () => CANARY }],
		["what becomes of it as a text", { toString: () => CANARY }],
	])("finds %s", (_, value) => {
		expect(findSecrets(value)).not.toEqual([]);
	});

	it("finds nothing in what is private to the language, and calls no getter", () => {
		const holder = new Holder(CANARY);
		const getter = Object.defineProperty({}, "password", { enumerable: false, get: () => CANARY });

		expect(holder.reveal()).toBe(CANARY);
		expect(findSecrets({ getter, holder })).toEqual([]);
	});

	it("leaves out the objects of other libraries, and only them", () => {
		const theirs = { password: CANARY };
		const ours = { password: CANARY };

		expect(findSecrets({ theirs }, { except: [theirs] })).toEqual([]);
		expect(findSecrets({ ours, theirs }, { except: [theirs] })).not.toEqual([]);
		expect(inspect(theirs)).toContain(CANARY);
	});

	it("looks at every way to print", () => {
		const output = recordOutput();
		const logger = new Logger("spec");
		const ways: ((text: string) => unknown)[] = [
			...(["debug", "error", "fatal", "log", "verbose", "warn"] as const).map((level) => (text: string) => logger[level](text)),
			...(["debug", "error", "info", "log", "trace", "warn"] as const).map((level) => (text: string) => console[level](text)),
			(text) => process.stdout.write(text),
			(text) => process.stderr.write(text),
			(text) => logger.error(new Error(text)),
		];

		for (const print of ways) print(makeCanary("printed").slice(0, 10));
		output.stop();

		expect(output.lines.flatMap((line) => findSecretsInText("output", line))).toHaveLength(ways.length);
	});
});

/** A text of which the first half holds the canary, as a response that is cut off in the middle has it. */
function makeLongSecret(username: string): object {
	return { password: makeCanary("password"), username, zzz: "x".repeat(1_000) };
}

/** What is put into the secret. */
const MALFORMED_SECRETS: readonly (readonly [string, (username: string) => Uint8Array | object | string])[] = [
	["a text", () => makeCanary("text")],
	["a short text", () => makeCanary("text").slice(0, 9)],
	["half a JSON text", (username) => JSON.stringify(makeLongSecret(username)).slice(0, 100)],
	["a JSON text with something behind it", (username) => `${JSON.stringify(makeLongSecret(username))} ${makeCanary("rest")}`],
	["a JSON text with a control character", () => `{"password":"${makeCanary("text")}\n"}`],
	["a JSON string", () => JSON.stringify(makeCanary("text"))],
	["a JSON list", () => JSON.stringify([makeCanary("text")])],
	["an object with other names", () => ({ [makeCanary("name")]: makeCanary("value"), pass: makeCanary("password") })],
	["a password that is an object", (username) => ({ password: { value: makeCanary("password") }, username })],
	["a user name that is missing", () => ({ password: makeCanary("password") })],
	["bytes that are no text", () => Buffer.concat([Buffer.from(makeCanary("bytes")), Buffer.from([0xff, 0xfe])])],
	["more than there may be", () => makeCanary("text").repeat(2_000)],
];

/** The service quotes the request it got, token included. */
const REFUSED_SIGNATURE =
	"The request signature we calculated does not match the signature you provided.\n\nThe Canonical String for this request should have been\n" +
	`'POST\n/\n\nhost:127.0.0.1\nx-amz-security-token:${makeCanary("token")}\n'`;

const AWS_FAULTS: readonly (readonly [string, Fault])[] = [
	["denied", { kind: "denied" }],
	["throttled", { kind: "throttle" }],
	["answered with HTML", { kind: "html-error" }],
	["answered with half of the secret", { kind: "malformed-body" }],
	["refused for its key", { kind: "decryption-failure" }],
	["refused for its token", { kind: "expired-token" }],
	["refused for its signature", { errorMessage: REFUSED_SIGNATURE, errorName: "InvalidSignatureException", kind: "custom-error" }],
	[
		"refused for a header",
		{
			errorMessage: `'${makeCanary("header")}' not a valid key=value pair (missing equal-sign) in Authorization header`,
			errorName: "IncompleteSignatureException",
			kind: "custom-error",
			statusCode: 403,
		},
	],
	["cut off", { kind: "reset" }],
];

let booted: CanaryApplication | undefined;

afterEach(async () => booted?.stop());

async function start(options: CanaryOptions): Promise<CanaryApplication> {
	booted = await startCanaryApplication(servers, options);
	return booted;
}

async function rotate({ attempt, rotator }: CanaryApplication): Promise<unknown> {
	return attempt(async () => rotator.rotateDatabaseConnection());
}

/** Every way to ask for credentials. A failed rotation is a result that holds its error. */
async function failEveryWay(application: CanaryApplication): Promise<unknown[]> {
	const { attempt, connector } = application;
	const ways = [() => connector.getTypeOrmOptions(), () => connector.getCredentials(), () => connector.resolveConnection()];
	const errors = await Promise.all(ways.map(async (way) => attempt(way)));
	return [...errors, ((await rotate(application)) as { error?: unknown }).error];
}

function findLeaksOfFailure({ error, lines }: StartFailure): Finding[] {
	return [...findSecrets(error), ...lines.flatMap((line) => findSecretsInText("output", line))];
}

describe.each(typeOrmVersionsFor("postgres"))("Nothing is shown on TypeORM $label", (version) => {
	it("of rotations that succeed, and of the objects that take part", async () => {
		const running = await start({ version });
		running.changeSecret(await running.changeDatabase());
		const outcomes = [await rotate(running), await rotate(running)];
		running.changeSecret(await running.changeDatabase());
		outcomes.push(await rotate(running));
		await running.dataSource.query("SELECT 1");

		expect(outcomes).toMatchObject([{ outcome: "rotated" }, { outcome: "unchanged" }, { outcome: "rotated" }]);
		expect(running.lines.join("\n")).toContain("promoted generation 3");
		expect(running.findLeaks()).toEqual([]);
	});

	it("by the parts inside, beyond what TypeORM's own objects show", async () => {
		// The rotator of an application without rotation leaves the DataSource to this one.
		const running = await start({ config: { rotation: { isEnabled: false } }, version });
		const { dataSource } = running;
		const live = new LiveDataSource<LoginBreaker>(dataSource, {
			clock: systemClock,
			createGate: (_, wake) =>
				new LoginBreaker({
					clock: systemClock,
					getCredentials: () => listServerOptions(toLooseOptions(dataSource.options))[0] ?? {},
					isRecoveryOn: true,
					onCallerHeld: () => undefined,
					onRecovered: () => undefined,
					onRefused: () => undefined,
					random: Math.random,
					wake,
				}),
			onExchangeHalted: () => undefined,
		});
		await dataSource.query("SELECT 1");
		const { master } = dataSource.driver as unknown as { readonly master: Pool };
		const parts = [live, live.servers, new Credentials({ password: makeCanary("password"), username: "app" })];

		const leaks = findSecrets(parts, { except: [dataSource, dataSource.driver, dataSource.options, master] });
		live.detach();

		expect(findSecrets(dataSource.options)).not.toEqual([]);
		expect(leaks).toEqual([]);
	});

	it("by TypeORM's DataSource beyond the password that is in use, at the places where it is without a connector", async () => {
		const running = await start({ version });
		const password = await running.changeDatabase();
		running.changeSecret(password);
		await rotate(running);
		await waitUntil("all connections are exchanged", () => running.events.some(({ type }) => type === "exchange.finished"));
		await running.dataSource.query("SELECT 1");
		const { DataSource } = version.load();
		const bare = await new DataSource({ ...running.dataSource.options }).initialize();
		await bare.query("SELECT 1");

		const [holders, bareHolders] = [running.dataSource, bare].map((dataSource) => {
			const { driver } = dataSource as unknown as { readonly driver: { readonly master: Pool } };
			return [dataSource.options, driver.master].flatMap((value) => findSecrets(value));
		}) as [Finding[], Finding[]];
		await bare.destroy();

		const listHolders = (findings: Finding[]): string[] => [...new Set(findings.map(({ holder }) => holder))].sort();
		expect(listHolders(holders)).toEqual(listHolders(bareHolders));
		expect(holders.filter(({ holder, text }) => holder.includes(".") && !text.includes(password))).toEqual([]);
	});

	it("of logins that the server refuses, up to the recovery and beyond", async () => {
		const running = await start({ version });
		running.changeSecret(makeCanary("wrong"));
		running.changeSecret(makeCanary("wrong pending"), "AWSPENDING");

		const results = [await rotate(running), await rotate(running), await rotate(running)] as { error: Error }[];
		running.changeSecret(await running.changeDatabase());
		await rotate(running);

		expect(results.map(({ error }) => error)).toMatchObject(results.map(() => ({ cause: { code: "28P01" } })));
		expect(running.events.map(({ type }) => type)).toEqual(expect.arrayContaining(["rotation.degraded", "rotation.recovered"]));
		expect(running.findLeaks()).toEqual([]);
	});

	it("of a replacement that cannot be connected, or is not as good as what it replaces", async () => {
		const running = await start({ version });
		running.changeSecret(await running.changeDatabase());
		const { admin } = servers.server;
		await admin.query(`ALTER ROLE ${running.username} SET default_transaction_read_only = on`);
		const readOnly = await rotate(running);
		await admin.query(`ALTER ROLE ${running.username} CONNECTION LIMIT 0`);
		const full = await rotate(running);

		const errors = [readOnly, full].map((result) => (result as { error?: unknown }).error);
		expect(errors).toMatchObject([{ phase: "verify" }, { cause: { code: "53300" }, phase: "connect" }]);
		expect(running.findLeaks()).toEqual([]);
	});

	it.each(["AWSCURRENT", "AWSPENDING"])("while a caller waits for a password that %s names", async (stage) => {
		const running = await start({ version });
		const password = await running.changeDatabase();
		await servers.server.terminate(running.username);
		const query = running.attempt(async () => running.dataSource.query("SELECT 1 AS one"));
		await waitUntil("the caller waits", () => running.rotator.describe().includes("waiting=1"));

		const leaksWhileWaiting = running.findLeaks();
		running.changeSecret(password, stage);
		const answer = await query;

		expect(answer).toEqual([{ one: 1 }]);
		expect(running.events).toContainEqual(expect.objectContaining({ type: "rotation.succeeded", versionStage: stage }));
		expect([...leaksWhileWaiting, ...running.findLeaks()]).toEqual([]);
	});

	it("to a caller whose time is up", async () => {
		const running = await start({ config: { connectionTimeoutMs: 300 }, version });
		await running.changeDatabase();
		await servers.server.terminate(running.username);

		const error = await running.attempt(async () => running.dataSource.query("SELECT 1"));

		expect(error).toMatchObject({ code: "28P01" });
		expect(running.findLeaks()).toEqual([]);
	});

	it("by a shutdown in the middle of a rotation, and after it", async () => {
		const running = await start({ version });
		running.changeSecret(await running.changeDatabase());
		await rotate(running);
		const fault = servers.aws.faults.inject({ kind: "stall-body", service: "secretsmanager" });
		running.changeSecret(await running.changeDatabase());
		const rotation = rotate(running);
		await waitUntil("the request has arrived", () => fault.hitCount > 0);

		await running.stop();
		const errors = [await rotation, await rotate(running), await running.attempt(async () => running.connector.getCredentials())];

		expect(errors).toMatchObject(errors.map(() => ({ code: "ERR_CONNECTOR_CLOSED" })));
		expect(running.findLeaks()).toEqual([]);
	});
});

describe("Nothing is shown", () => {
	const version = LATEST_TYPEORM;

	it.each(MALFORMED_SECRETS)("of a secret that is %s", async (_, makeSecret) => {
		const running = await start({ version });
		servers.aws.secrets.put(running.database.secretId, makeSecret(running.username));

		const errors = await failEveryWay(running);

		expect(errors).toMatchObject(errors.map(() => ({ code: "ERR_CONNECTOR_SECRET_MALFORMED" })));
		expect(running.findLeaks()).toEqual([]);
	});

	it.each(AWS_FAULTS)("of a request for the secret that is %s", async (_, fault) => {
		const running = await start({ version });
		servers.aws.secrets.put(running.database.secretId, makeLongSecret(running.username));
		servers.aws.faults.inject({ ...fault, service: "secretsmanager" });

		const errors = await failEveryWay(running);

		expect(errors).toMatchObject(errors.map(() => ({ code: "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE" })));
		expect(running.findLeaks()).toEqual([]);
	});

	it.each(AWS_FAULTS)("of parameters whose request is %s", async (_, fault) => {
		const prepare = (): void => {
			servers.aws.parameters.put("/app/test/api/main/aaa", makeCanary("parameter"), "SecureString");
			servers.aws.faults.inject({ ...fault, service: "ssm" });
		};

		const failure = await failToStart(servers, { config: { isVerbose: false }, prepare, version });

		expect(failure.error).toMatchObject({ code: "ERR_CONNECTOR_PARAMETER_STORE_UNAVAILABLE" });
		expect(findLeaksOfFailure(failure)).toEqual([]);
	});

	it.each<[string, CanaryOptions["config"] & object, string]>([
		[
			"a host that is an address with a password",
			{ host: `postgres://app:${makeCanary("password")}@db` },
			"ERR_CONNECTOR_CONFIGURATION_INVALID",
		],
		["a password that is no text", { password: [makeCanary("password")] as never }, "ERR_CONNECTOR_CONFIGURATION_INVALID"],
		["an option that does not exist", { passwort: makeCanary("password") } as never, "ERR_CONNECTOR_CONFIGURATION_INVALID"],
		["a wrong password given in code", { password: makeCanary("password"), username: "unknown" }, "28P01"],
	])("of an application that does not start because of %s", async (_, config, code) => {
		const failure = await failToStart(servers, { config, version });

		expect(failure.error).toMatchObject({ code });
		expect(findLeaksOfFailure(failure)).toEqual([]);
	});
});

describe("Nothing is shown of a SecureString at the wrong place", () => {
	const version = LATEST_TYPEORM;
	const PLACES: Readonly<Record<string, string>> = {
		connectionTimeoutMs: "/app/test/api/main/typeorm/connection-timeout-ms",
		poolSize: "/app/test/api/main/typeorm/pool-size",
		port: "/app/test/aws-rds/aurora-postgres/port",
		relationLoadStrategy: "/app/test/api/main/typeorm/relation-load-strategy",
		shouldSynchronize: "/app/test/api/main/typeorm/synchronize",
		type: "/app/test/api/main/postgres/type",
	};

	it.each(Object.entries(PLACES))("the %s", async (field, path) => {
		const failures: StartFailure[] = [];
		for (const [value, shouldDecrypt] of [
			[makeCanary("value"), true],
			[makeCanary("value").slice(0, 10), true],
			[makeCanary("value"), false],
		] as const) {
			const prepare = (): void => void servers.aws.parameters.put(path, value, "SecureString");
			failures.push(await failToStart(servers, { config: { [field]: undefined }, prepare, shouldDecrypt, version }));
		}
		servers.aws.parameters.delete(path);

		expect(failures.map(({ error }) => error)).toMatchObject(
			failures.map(() => ({
				code: "ERR_CONNECTOR_CONFIGURATION_INVALID",
				message: expect.stringContaining("SecureString") as string,
			})),
		);
		expect(failures.flatMap(findLeaksOfFailure)).toEqual([]);
	});

	it("the name of a database, in what explain() says and in a warning", async () => {
		const path = "/app/test/api/main/postgres/database-name";
		const prepare = ({ database }: SceneDatabase): void => void servers.aws.parameters.put(path, database, "SecureString");
		const running = await start({ config: { databaseName: undefined as never }, prepare, version });
		servers.aws.parameters.delete(path);

		const { fields } = await running.connector.explain();

		expect(fields.find(({ field }) => field === "databaseName")).toMatchObject({ path, source: "parameter", value: "[hidden]" });
		expect(running.lines.join("\n")).toContain('"databaseName" is read from a SecureString');
		expect(running.lines.join("\n")).not.toContain(running.database.database);
	});
});

it("Text of a server that a parameter leads to breaks no line and steers no terminal", async () => {
	const path = "/app/test/aws-rds/aurora-postgres/port";
	const message = "\u001b[2J\r\n[Nest] 1 - LOG [AuthService] FORGED\u202e";
	const fields = ["SFATAL", `C${message}`, `M${message}`, ""].map((field) => `${field}\0`).join("");
	const answer = Buffer.concat([Buffer.from("E\0\0\0\0"), Buffer.from(fields)]);
	answer.writeInt32BE(answer.length - 1, 1);
	const rogue = createServer((socket) => {
		socket.on("error", () => undefined);
		socket.once("data", () => socket.end(answer));
		socket.resume();
	}).listen(0, "127.0.0.1");
	await once(rogue, "listening");
	const prepare = ({ server }: SceneDatabase): void => void servers.aws.parameters.put(path, String(server.port));
	const running = await start({ config: { port: undefined as never }, prepare, version: LATEST_TYPEORM });
	servers.aws.parameters.put(path, String((rogue.address() as AddressInfo).port));

	const result = (await rotate(running)) as { error: Error };
	servers.aws.parameters.delete(path);
	rogue.close();
	await once(rogue, "close");

	const failed = running.events.filter(({ type }) => type === "rotation.failed");
	const texts = [result.error.message, JSON.stringify(failed), running.rotator.describe(), ...running.lines];
	expect(failed).toHaveLength(1);
	expect(result.error.message).toContain("\\u{1b}[2J");
	expect(texts.flatMap((text) => text.split("\n")).filter((line) => hasControlCharacters(line.replaceAll(COLOUR, "")))).toEqual([]);
	expect(texts.filter((text) => /^\[Nest\] 1 - /m.test(text))).toEqual([]);
});
