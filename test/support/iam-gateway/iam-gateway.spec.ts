/** The gateway of the IAM tests takes what RDS and DSQL take, and nothing else. Tokens are made by the SDK itself here. */
import { DsqlSigner } from "@aws-sdk/dsql-signer";
import { Signer } from "@aws-sdk/rds-signer";
import { Client } from "pg";

import { failureOf } from "../failure-of.js";
import { APPLICATION_KEY, DSQL_HOST, type IamScene, RDS_HOST, RDS_PORT, startIamScene } from "./iam-scene.js";
import { waitUntil } from "../wait-until.js";

const QUARTER_OF_AN_HOUR_MS = 900_000;

const RDS = { credentials: APPLICATION_KEY, hostname: RDS_HOST, port: RDS_PORT, region: "eu-west-1", username: "app" };
const DSQL = { credentials: APPLICATION_KEY, hostname: DSQL_HOST, region: "eu-west-1" };

async function login({ config, ssl, tunnel }: IamScene, user: string, password: string): Promise<string> {
	const client = new Client({ ...tunnel, database: config.databaseName, password, ssl, user });
	try {
		await client.connect();
		const { rows } = await client.query<{ user: string }>("SELECT current_user AS user");
		return String(rows[0]?.user);
	} catch (error) {
		return (error as { code?: string }).code ?? String(error);
	} finally {
		await client.end();
	}
}

describe("A gateway of RDS", () => {
	let scene: IamScene;

	beforeAll(async () => {
		scene = await startIamScene("rds-db");
	});

	afterAll(async () => scene.stop());

	it("lets a token in, and says who it was", async () => {
		const token = await new Signer(RDS).getAuthToken();

		const user = await login(scene, "app", token);

		expect(user).toBe("app");
		expect(scene.gateway.desk.logins).toEqual([
			{ action: "connect", expiresSeconds: 900, signedAtMs: expect.any(Number), user: "app" },
		]);
	});

	it.each([
		["another host", { hostname: "other.abc123.eu-west-1.rds.amazonaws.com" }, "token: host"],
		["another port", { port: 5_433 }, "token: host"],
		["another region", { region: "eu-west-2" }, "token: scope"],
		["another user", { username: "admin" }, "token: user"],
		["an unknown key", { credentials: { ...APPLICATION_KEY, accessKeyId: "AKIAUNKNOWN" } }, "token: access key"],
		["a wrong key", { credentials: { ...APPLICATION_KEY, secretAccessKey: "wrong" } }, "token: signature"],
		["another session", { credentials: { ...APPLICATION_KEY, sessionToken: "another" } }, "token: session token"],
	])("refuses a token for %s", async (_, difference, reason) => {
		const token = await new Signer({ ...RDS, ...difference }).getAuthToken();

		const answer = await login(scene, "app", token);

		expect(answer).toBe("28000");
		expect(scene.gateway.desk.refusals.at(-1)).toEqual({ reason, user: "app" });
	});

	it("refuses a password, an unknown user, and a token that was altered", async () => {
		const token = await new Signer(RDS).getAuthToken();
		const tokenOfStranger = await new Signer({ ...RDS, username: "stranger" }).getAuthToken();

		const answers = [
			await login(scene, "app", "password-of-app"),
			await login(scene, "stranger", tokenOfStranger),
			await login(scene, "app", token.replace("X-Amz-Expires=900", "X-Amz-Expires=9000")),
		];

		expect(answers).toEqual(["28000", "28000", "28000"]);
		expect(scene.gateway.desk.refusals.slice(-3).map(({ reason }) => reason)).toEqual([
			"token: algorithm",
			"no such user",
			"token: signature",
		]);
	});

	it("refuses a token after its time, and one from the future", async () => {
		const token = await new Signer(RDS).getAuthToken();
		const { clock } = scene.gateway.desk;

		clock.advance(QUARTER_OF_AN_HOUR_MS);
		const late = await login(scene, "app", token);
		clock.advance(-2 * QUARTER_OF_AN_HOUR_MS);
		const early = await login(scene, "app", token);
		clock.advance(QUARTER_OF_AN_HOUR_MS);
		const inTime = await login(scene, "app", token);

		expect([late, early, inTime]).toEqual(["28000", "28000", "app"]);
	});

	it("names the missing TLS as the reason", async () => {
		const client = new Client({ ...scene.tunnel, database: "shop", password: "any", ssl: false, user: "app" });

		const failure = await failureOf(client.connect());

		expect(failure).toMatchObject({ code: "28000", message: expect.stringContaining("no encryption") });
	});

	it("leaves the session to the real server, and its end, too", async () => {
		const client = new Client({
			...scene.tunnel,
			database: "shop",
			password: await new Signer(RDS).getAuthToken(),
			ssl: scene.ssl,
			user: "app",
		});
		const lost = new Promise((resolve) => client.on("error", resolve));
		await client.connect();

		const { rows } = await client.query("SELECT $1::int + 1 AS answer", [41]);
		await scene.server.terminate("app");
		const error = await lost;
		await waitUntil("the gateway has closed it", () => scene.gateway.openCount === 0);

		expect(rows).toEqual([{ answer: 42 }]);
		expect(error).toBeInstanceOf(Error);
	});
});

describe("A gateway of Aurora DSQL", () => {
	let scene: IamScene;

	beforeAll(async () => {
		scene = await startIamScene("dsql");
	});

	afterAll(async () => scene.stop());

	it("lets the admin in with the admin's kind of token, others with the other", async () => {
		const signer = new DsqlSigner({ ...DSQL, expiresIn: 60 });

		const answers = [
			await login(scene, "admin", await signer.getDbConnectAdminAuthToken()),
			await login(scene, "app", await signer.getDbConnectAuthToken()),
			await login(scene, "admin", await signer.getDbConnectAuthToken()),
			await login(scene, "app", await signer.getDbConnectAdminAuthToken()),
		];

		expect(answers).toEqual(["admin", "app", "28000", "28000"]);
		expect(scene.gateway.desk.logins.map(({ action, expiresSeconds }) => [action, expiresSeconds])).toEqual([
			["DbConnectAdmin", 60],
			["DbConnect", 60],
		]);
	});

	it("refuses a token after the time that it says itself", async () => {
		const token = await new DsqlSigner({ ...DSQL, expiresIn: 60 }).getDbConnectAuthToken();
		scene.gateway.desk.clock.advance(60_000);

		const answer = await login(scene, "app", token);

		expect(answer).toBe("28000");
		expect(scene.gateway.desk.refusals.at(-1)).toEqual({ reason: "token: age", user: "app" });
	});

	it("takes a constant token as long as that is fresh enough", async () => {
		const token = await new DsqlSigner(DSQL).getDbConnectAuthToken();
		const { clock } = scene.gateway.desk;
		clock.advance(-60_000);
		scene.gateway.desk.maximumTokenAgeMs = 5_000;

		const first = await login(scene, "app", token);
		clock.advance(5_000);
		const second = await login(scene, "app", token);
		scene.gateway.desk.maximumTokenAgeMs = undefined;

		expect([first, second]).toEqual(["app", "28000"]);
	});
});
