/** The printed policy against a gateway that asks it whether a login is allowed: its one statement lets this user into this database, and no other user into any. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { failureOf } from "../../support/failure-of.js";
import type { PolicyDocument } from "../../../src/testing/permissions.js";
import {
	APPLICATION_KEY,
	DSQL_CLUSTER_ID,
	type IamScene,
	RDS_RESOURCE_ID,
	startIamApplication,
	startIamScene,
} from "../../support/iam-gateway/iam-scene.js";
import { LATEST_TYPEORM } from "../../support/typeorm-versions.js";
import { runHere } from "./run-cli.js";

/** Who may log in is the same with every TypeORM. */
const OTHERS = { dsql: { [DSQL_CLUSTER_ID]: "zyxwvutsrqponmlkjihgfedcba" }, "rds-db": { [RDS_RESOURCE_ID]: "cluster-ANOTHER" } };

let folder: string;
let fileCount = 0;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "policy-"));
});

afterAll(async () => rm(folder, { recursive: true }));

describe.each([
	["rds-db", "app", "LogInToRds", "rds-db:connect", "rds-db:connect"],
	["dsql", "admin", "LogInToDsql", "dsql:DbConnectAdmin", "dsql:DbConnect"],
	["dsql", "app", "LogInToDsql", "dsql:DbConnect", "dsql:DbConnectAdmin"],
] as const)("a login to %s as %s", (service, username, statement, action, actionOfOthers) => {
	let scene: IamScene;

	beforeAll(async () => {
		scene = await startIamScene(service);
	});

	beforeEach(() => {
		scene.gateway.desk.denials.length = 0;
	});

	afterAll(async () => scene.stop());

	async function printPolicy(): Promise<PolicyDocument> {
		fileCount += 1;
		const file = join(folder, `connector-${String(fileCount)}.json`);
		await writeFile(file, JSON.stringify({ ...scene.config, username }));
		const place = ["--account", "123456789012", "--region", "eu-west-1", "--resource-id", RDS_RESOURCE_ID];
		const { stdout } = await runHere(["policy", ...place, "--config", file], {});
		return JSON.parse(stdout) as PolicyDocument;
	}

	/** The user as whom an application is let in. */
	async function enter(policy: PolicyDocument, user: string): Promise<string> {
		scene.gateway.desk.enforce(policy);
		const rotation = { shouldRotateOnAuthFailure: false };
		const application = await startIamApplication(scene, LATEST_TYPEORM, {
			aws: { credentials: APPLICATION_KEY },
			rotation,
			username: user,
		});
		const [row] = await application.dataSource.query<[{ user: string }]>("SELECT current_user AS user");
		await application.stop();
		return row.user;
	}

	it("is allowed by the printed policy", async () => {
		const policy = await printPolicy();

		const user = await enter(policy, username);

		expect(user).toBe(username);
		expect(scene.gateway.desk.denials).toEqual([]);
		expect(policy.Statement.map(({ Sid }) => Sid)).toEqual([statement]);
	});

	it("is denied without the statement", async () => {
		const { Statement, ...policy } = await printPolicy();

		const failure = await failureOf(enter({ ...policy, Statement: Statement.filter(({ Sid }) => Sid !== statement) }, username));

		expect(failure).toMatchObject({ code: "28000" });
		expect(scene.gateway.desk.denials).toEqual([action]);
	});

	it("is denied where the statement names another database", async () => {
		const [[own, other]] = Object.entries(OTHERS[service]) as [[string, string]];
		const text = JSON.stringify(await printPolicy());

		const failure = await failureOf(enter(JSON.parse(text.replace(own, other)) as PolicyDocument, username));

		expect(failure).toMatchObject({ code: "28000" });
		expect(text).toContain(own);
		expect(scene.gateway.desk.denials).toEqual([action]);
	});

	it("is denied to another user", async () => {
		const other = username === "admin" ? "app" : "admin";
		const policy = await printPolicy();

		const failure = await failureOf(enter(policy, other));

		expect(failure).toMatchObject({ code: "28000" });
		expect(scene.gateway.desk.denials).toEqual([actionOfOthers]);
	});
});
