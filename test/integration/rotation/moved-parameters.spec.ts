/** Parameter Store is read again by each rotation: the database may move, or its secret may get another name, while the application runs. */
import { Logger } from "@nestjs/common";

import { ParameterStoreConfigModule } from "../../../src/parameter-store/parameter-store-config.module.js";
import { ParameterStoreConfigService } from "../../../src/parameter-store/parameter-store-config.service.js";
import { countPools } from "../../support/counted-pools.js";
import { eventually, waitForUser } from "../../support/eventually.js";
import { leadToLoopback } from "../../support/lead-to-loopback.js";
import { type NestApplication, type NestApplicationOptions, startNestApplication } from "../../support/nest-application.js";
import { createSceneDatabase, type SceneDatabase, type SceneServers, startSceneServers } from "../../support/rotating-database.js";
import { type TcpProxy, startTcpProxy } from "../../support/tcp-proxy.js";
import { typeOrmVersionsFor } from "../../support/typeorm-versions.js";
import { waitUntil } from "../../support/wait-until.js";

const SEGMENTS = { application: "app", environment: "test", instanceName: "main", namespace: "api" };
const PORT_LOOKUP = { instanceName: "aurora-postgres", namespace: "aws-rds", path: ["port"] };
const PORT = "/app/test/aws-rds/aurora-postgres/port";
const SECRET_ID = "/app/test/aws-secrets-manager/database/secret-id";
const OTHER_SECRET = "app/other";

let database: SceneDatabase;
let proxy: TcpProxy;
let running: NestApplication | undefined;
let servers: SceneServers;
let warnings: string[];

beforeAll(async () => {
	servers = await startSceneServers();
});

/** The database is at its own port and, seen from elsewhere, behind the proxy: the place to which it moves. */
beforeEach(async () => {
	database = await createSceneDatabase(servers);
	proxy = await startTcpProxy({ target: servers.server });
	servers.aws.parameters.putMany({
		"/app/test/aws-rds/aurora-postgres/host": servers.server.host,
		[PORT]: String(servers.server.port),
		[SECRET_ID]: database.secretId,
	});
	warnings = [];
	jest.spyOn(Logger.prototype, "warn").mockImplementation((message: unknown) => void warnings.push(String(message)));
});

afterEach(async () => {
	await running?.application.close();
	running = undefined;
	servers.aws.faults.clear();
	await proxy.stop();
});

afterAll(async () => servers.stop());

interface Login {
	readonly port: number;
	readonly user: string;
}

interface Application extends NestApplication {
	/** Where the pools that were made connect to and as whom, in order. */
	readonly logins: readonly Login[];
}

async function start(
	options: Omit<Partial<NestApplicationOptions>, "config"> & { readonly config?: Partial<NestApplicationOptions["config"]> } = {},
): Promise<Application> {
	// What is given in code would win over the parameters.
	const config = { ...database.config };
	for (const field of ["host", "port", "secretId"] as const) delete config[field];
	const logins: Login[] = [];
	const { driver } = countPools(
		({
			pool: {
				options: { port, user },
			},
		}) => logins.push({ port: Number(port), user: String(user) }),
	);
	running = await startNestApplication({
		imports: [ParameterStoreConfigModule.register({ ...SEGMENTS, config: servers.aws.clientConfig })],
		typeOrm: { driver },
		...options,
		config: { ...config, ...options.config },
	});
	servers.aws.calls.clear();
	return { ...running, logins };
}

async function findUser({ dataSource }: NestApplication): Promise<string> {
	const [row] = await dataSource.query<[{ user: string }]>("SELECT current_user AS user");
	return row.user;
}

/** The other user gets a secret of its own, under another name. */
function putOtherSecret(password = "password-0"): void {
	servers.aws.secrets.put(OTHER_SECRET, { password, username: database.users[1] });
}

const moveDatabase = (): void => void servers.aws.parameters.put(PORT, String(proxy.port));
const moveSecret = (): void => void servers.aws.parameters.put(SECRET_ID, OTHER_SECRET);

describe.each(typeOrmVersionsFor("postgres"))("A rotation on TypeORM $label", (version) => {
	it("follows the database to another place, with one request to Parameter Store", async () => {
		const application = await start({ version });
		moveDatabase();

		const { outcome } = await application.rotator.rotateDatabaseConnection();
		const requests = servers.aws.calls.list.map(({ operation }) => operation);
		await findUser(application);
		await application.rotator.waitForExchange();

		expect(outcome).toBe("rotated");
		expect(requests).toEqual(["GetParameters", "GetSecretValue"]);
		expect(application.logins.map(({ port }) => port)).toEqual([servers.server.port, proxy.port]);
		await eventually(async () => expect(await servers.server.connections(database.users[0])).toHaveLength(proxy.openCount));
	});

	it("asks Parameter Store once also when there is nothing to change", async () => {
		const application = await start({ version });

		const { outcome } = await application.rotator.rotateDatabaseConnection();

		expect(outcome).toBe("unchanged");
		expect(servers.aws.calls.count("GetParameters")).toBe(1);
		expect(servers.aws.calls.count("GetSecretValue")).toBe(1);
	});

	it("goes to a secret of another name when that lets it in, and not before", async () => {
		const application = await start({ version });
		putOtherSecret("not yet");
		moveSecret();

		const tooEarly = await application.rotator.rotateDatabaseConnection();
		const userMeanwhile = await findUser(application);
		putOtherSecret();
		const { outcome } = await application.rotator.rotateDatabaseConnection();

		expect(tooEarly).toMatchObject({ error: { cause: { code: "28P01" }, phase: "connect" }, outcome: "failed" });
		expect([userMeanwhile, outcome]).toEqual([database.users[0], "rotated"]);
		await waitForUser(database.users[1], async () => findUser(application));
	});

	it("leaves the application where it is while the new place cannot be reached, and goes there when it can", async () => {
		const application = await start({ config: { rotation: { intervalMs: 50, isEnabled: true } }, version });
		const count = (type: string): number => application.events.filter((event) => event.type === type).length;
		await proxy.refuse();
		moveDatabase();

		await waitUntil("four rotations have failed", () => count("rotation.failed") >= 4);
		const userMeanwhile = await findUser(application);
		const acceptedBefore = proxy.acceptedCount;
		await proxy.thaw();
		await waitUntil("a rotation has succeeded", () => count("rotation.succeeded") > 0);

		expect(userMeanwhile).toBe(database.users[0]);
		expect([acceptedBefore, count("rotation.degraded"), count("rotation.recovered")]).toEqual([0, 1, 1]);
		expect(application.logins.at(-1)?.port).toBe(proxy.port);
		expect(await findUser(application)).toBe(database.users[0]);
	});
});

describe("The place and the secret", () => {
	/** Calls `act` when the secret is asked for: Parameter Store has answered then. */
	function whenSecretIsAsked(stage: string, act: () => void, latencyMs = 0): void {
		const when = (input: Readonly<Record<string, unknown>>): boolean => {
			if (input["VersionStage"] !== stage) return false;
			act();
			return true;
		};
		servers.aws.faults.inject({ kind: "latency", latencyMs, operation: "GetSecretValue", times: 1, when });
	}

	it("come from one read, also when both move in the middle of a rotation", async () => {
		const application = await start();
		putOtherSecret();
		await database.alternate();
		await servers.server.setPassword(database.users[1], "password-0");
		servers.aws.secrets.put(database.secretId, { password: "changed", username: database.users[0] });
		await servers.server.setPassword(database.users[0], "changed");
		whenSecretIsAsked("AWSCURRENT", () => {
			moveDatabase();
			moveSecret();
		});

		const outcomes = [await application.rotator.rotateDatabaseConnection(), await application.rotator.rotateDatabaseConnection()];

		expect(outcomes.map(({ outcome }) => outcome)).toEqual(["rotated", "rotated"]);
		expect(application.logins.slice(1)).toEqual([
			{ port: servers.server.port, user: database.users[0] },
			{ port: proxy.port, user: database.users[1] },
		]);
	});

	it("come from one read, however slow the answers are while they move back and forth", async () => {
		const application = await start();
		putOtherSecret();
		servers.aws.faults.inject({ kind: "latency", latencyMs: 15, service: "ssm" });
		servers.aws.faults.inject({ kind: "latency", latencyMs: 15, service: "secretsmanager" });
		let moveCount = 0;
		const mover = setInterval(() => {
			moveCount += 1;
			const isAway = moveCount % 2 === 1;
			servers.aws.parameters.putMany({
				[PORT]: String(isAway ? proxy.port : servers.server.port),
				[SECRET_ID]: isAway ? OTHER_SECRET : database.secretId,
			});
		}, 7);

		for (let rotation = 0; rotation < 20; rotation += 1) await application.rotator.rotateDatabaseConnection();
		clearInterval(mover);

		const [home, away] = [
			{ port: servers.server.port, user: database.users[0] },
			{ port: proxy.port, user: database.users[1] },
		];
		const mixtures = application.logins.filter(({ port, user }) => (port === home.port) !== (user === home.user));
		expect(mixtures).toEqual([]);
		expect(application.logins).toEqual(expect.arrayContaining([home, away]));
	});

	it("stay together for the pending version, although the application itself has read half of it again", async () => {
		const application = await start();
		const store = application.application.get(ParameterStoreConfigService, { strict: false });
		const [username] = database.users;
		servers.aws.secrets.put(database.secretId, { password: "refused", username });
		servers.aws.secrets.put(database.secretId, { password: "pending", username }, { stages: ["AWSPENDING"] });
		await servers.server.setPassword(username, "pending");
		const readAgain = async (): Promise<unknown> => store.getMany([PORT_LOOKUP], { shouldRefresh: true });
		whenSecretIsAsked(
			"AWSCURRENT",
			() => {
				moveDatabase();
				void readAgain();
			},
			300,
		);

		const { outcome } = await application.rotator.rotateDatabaseConnection();

		expect(store.get(PORT_LOOKUP)).toBe(String(proxy.port));
		expect(outcome).toBe("rotated");
		expect(application.logins.slice(1).map(({ port }) => port)).toEqual([servers.server.port, servers.server.port]);
	});
});

describe("Without an answer of Parameter Store", () => {
	it("the secret is rotated all the same, with one warning for each outage", async () => {
		const application = await start();
		const rotate = async (): Promise<string> => {
			await database.alternate();
			return (await application.rotator.rotateDatabaseConnection()).outcome;
		};

		const fault = servers.aws.faults.inject({ kind: "denied", service: "ssm" });
		const duringFirst = [await rotate(), await rotate()];
		const warningsAfterFirst = warnings.length;
		fault.clear();
		const between = await rotate();
		servers.aws.faults.inject({ kind: "server-error", service: "ssm" });
		const duringSecond = await rotate();

		expect([...duringFirst, between, duringSecond]).toEqual(Array.from({ length: 4 }, () => "rotated"));
		expect(warningsAfterFirst).toBe(1);
		expect(warnings).toEqual([expect.stringContaining("Parameter Store could not be read"), expect.stringContaining("as they were")]);
		await waitForUser(database.current().username, async () => findUser(application));
	});

	it("a provider of the application's own is not asked to read again, and one warning says so", async () => {
		const FOREIGN = "PARAMETERS_OF_THE_APPLICATION";
		const foreign = {
			get: ({ path }: { readonly path: readonly string[] }): string | null =>
				({ host: servers.server.host, port: String(servers.server.port), "secret-id": database.secretId })[path.join("/")] ?? null,
		};
		const ForeignModule = class {};
		const imports = [{ exports: [FOREIGN], global: true, module: ForeignModule, providers: [{ provide: FOREIGN, useValue: foreign }] }];
		const application = await start({ config: { parameterStoreToken: FOREIGN }, imports });

		const outcomes: string[] = [];
		for (let rotation = 0; rotation < 3; rotation += 1) {
			await database.alternate();
			outcomes.push((await application.rotator.rotateDatabaseConnection()).outcome);
		}

		expect(outcomes).toEqual(["rotated", "rotated", "rotated"]);
		expect(servers.aws.calls.list.filter(({ service }) => service === "ssm")).toEqual([]);
		expect(warnings).toEqual([expect.stringContaining("getMany()")]);
	});
});

describe("A host of another owner", () => {
	const AWS_HOST = "shop.abc123.eu-west-1.rds.amazonaws.com";
	const HOST = "/app/test/aws-rds/aurora-postgres/host";
	let restore: () => void;

	beforeEach(() => {
		restore = leadToLoopback(AWS_HOST);
		servers.aws.parameters.put(HOST, AWS_HOST);
	});

	afterEach(() => restore());

	const startAtAws = async (rotation: object = {}): Promise<Application> =>
		start({ config: { isPlaintextAllowed: true, rotation: { isEnabled: true, ...rotation }, tls: false } });
	const listMoves = ({ events }: Application): readonly object[] =>
		events.filter(({ type }) => /^(?:rotation\.moved|move\.refused)$/.test(type));

	it("gets no connection of a database of AWS; credentials go on rotating at the former endpoint, and one warning names both", async () => {
		const application = await startAtAws();
		servers.aws.parameters.put(HOST, servers.server.host);
		moveDatabase();
		await database.alternate();

		const { outcome } = await application.rotator.rotateDatabaseConnection();
		await application.rotator.rotateDatabaseConnection();
		await waitForUser(database.users[1], async () => findUser(application));

		expect(outcome).toBe("rotated");
		expect(proxy.acceptedCount).toBe(0);
		expect(listMoves(application)).toEqual([
			{
				connector: "default",
				from: `${AWS_HOST}:${String(servers.server.port)}`,
				server: "primary",
				to: servers.server.host,
				type: "move.refused",
			},
		]);
		expect(warnings).toContainEqual(expect.stringContaining(`The primary stays at ${AWS_HOST}:${String(servers.server.port)}`));
	});

	it("gets them where rotation.allowedHosts names it, and the move is an event and a warning", async () => {
		const application = await startAtAws({ allowedHosts: [servers.server.host] });
		servers.aws.parameters.put(HOST, servers.server.host);
		moveDatabase();

		const { outcome } = await application.rotator.rotateDatabaseConnection();
		await application.rotator.waitForExchange();
		await findUser(application);

		const [from, to] = [`${AWS_HOST}:${String(servers.server.port)}`, `${servers.server.host}:${String(proxy.port)}`];
		expect(outcome).toBe("rotated");
		expect(listMoves(application)).toEqual([{ connector: "default", from, server: "primary", to, type: "rotation.moved" }]);
		expect(warnings).toContainEqual(expect.stringContaining(`go to ${to}; before they went to ${from}.`));
		expect(proxy.openCount).toBeGreaterThan(0);
	});
});
