/** The doctor in front of databases that take IAM tokens: it finds the server where the connector would, encrypts as the connector would, and logs in. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Diagnosis } from "../../../src/cli/diagnosis.js";
import { describeWith } from "../../support/describe-with.js";
import {
	APPLICATION_KEY,
	DSQL_CLUSTER_ID,
	DSQL_HOST,
	type IamScene,
	RDS_HOST,
	startIamScene,
} from "../../support/iam-gateway/iam-scene.js";
import { leadToLoopback } from "../../support/lead-to-loopback.js";
import { type CliRun, runHere } from "./run-cli.js";

/** A name that says nothing of AWS, as that of a tunnel or of a DNS alias. */
const ALIAS = "orders.db.internal";

let fileCount = 0;
let folder: string;
const restore: (() => void)[] = [];

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "doctor-"));
	restore.push(...[ALIAS, DSQL_HOST, RDS_HOST].map(leadToLoopback));
});

afterAll(async () => {
	for (const undo of restore.reverse()) undo();
	await rm(folder, { recursive: true });
});

/** The options go into a file, with the application's identity among them. */
async function diagnose(config: object): Promise<Diagnosis & { readonly run: CliRun }> {
	fileCount += 1;
	const file = join(folder, `connector-${String(fileCount)}.json`);
	await writeFile(file, JSON.stringify({ ...config, aws: { credentials: APPLICATION_KEY } }));
	const run = await runHere(["doctor", "--config", file, "--json"], {});
	return { ...(JSON.parse(run.stdout) as Diagnosis), run };
}

function listOutcomes({ checks }: Pick<Diagnosis, "checks">): string[][] {
	return checks.map(({ name, outcome }) => [name, outcome]);
}

const ALL_WELL = [
	["parameters", "passed"],
	["secret", "skipped"],
	["server", "passed"],
	["login", "passed"],
];

function describeRds(engine: "mariadb" | "postgres"): void {
	let scene: IamScene;

	beforeAll(async () => {
		scene = await startIamScene("rds-db", engine, { isDirect: true });
	});

	afterAll(async () => scene.stop());

	it("is logged in to with a token, which is not shown", async () => {
		const { problems, run, ...diagnosis } = await diagnose(scene.config);

		expect(problems).toEqual([]);
		expect(listOutcomes(diagnosis)).toEqual(ALL_WELL);
		expect(scene.gateway.desk.logins.map(({ user }) => user)).toContain("app");
		expect(scene.gateway.desk.refusals).toEqual([]);
		expect(`${run.stdout}${run.stderr}`).not.toMatch(/X-Amz-|Signature|the-secret-key/);
	});

	it("is asked for verified TLS whatever the host is called, as the connector asks for it", async () => {
		const credentials = { region: "eu-west-1", source: "rds-iam" };

		const { checks, problems } = await diagnose({ ...scene.config, credentials, host: ALIAS, tls: undefined });

		expect(checks.find(({ name }) => name === "server")).toMatchObject({ detail: "tls", outcome: "failed" });
		expect(problems).toEqual([
			expect.objectContaining({ label: "tls", message: expect.stringMatching(`^TLS with ${ALIAS}:\\d+ fails`) }),
		]);
	});
}

describe("RDS on PostgreSQL", () => {
	describeRds("postgres");
});

describeWith("mariadb")("RDS on MariaDB", () => {
	describeRds("mariadb");
});

describe("Aurora DSQL", () => {
	let scene: IamScene;

	beforeAll(async () => {
		scene = await startIamScene("dsql", "postgres", { isDirect: true });
	});

	afterAll(async () => scene.stop());

	it.each([
		["its host", DSQL_HOST, { source: "dsql-iam" }],
		["the id of its cluster and a region", DSQL_CLUSTER_ID, { region: "eu-west-1", source: "dsql-iam" }],
	])("is found by %s", async (_, host, credentials) => {
		const { problems, ...diagnosis } = await diagnose({ ...scene.config, credentials, host, port: scene.gateway.port });

		expect(problems).toEqual([]);
		expect(listOutcomes(diagnosis)).toEqual(ALL_WELL);
		expect(diagnosis.checks[2]?.detail).toContain(`${DSQL_HOST}:${String(scene.gateway.port)} answers with TLS`);
		expect(scene.gateway.desk.logins.at(-1)).toMatchObject({ action: "DbConnectAdmin", user: "admin" });
	});

	it("is not looked for without a region, which is what is said", async () => {
		const { problems } = await diagnose({
			...scene.config,
			credentials: { source: "dsql-iam" },
			host: DSQL_CLUSTER_ID,
			port: scene.gateway.port,
		});

		expect(problems).toEqual([
			expect.objectContaining({ label: "credentials.region", message: expect.stringContaining(`host "${DSQL_CLUSTER_ID}"`) }),
		]);
	});
});
