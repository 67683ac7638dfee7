/** The recipes as users run them: in a process of their own, on a real server, with the CLI of TypeORM itself. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { endLater } from "../../support/endings.js";
import { eventually } from "../../support/eventually.js";
import { createSceneDatabase, type SceneDatabase, type SceneServers, startSceneServers } from "../../support/rotating-database.js";
import { waitUntil } from "../../support/wait-until.js";

const ROOT = join(__dirname, "../../..");
const RECIPES = join(ROOT, "examples/recipes");
const DEADLINE_MS = 120_000;
const TYPEORM_CLI = join(ROOT, "node_modules/typeorm/cli.js");

let servers: SceneServers;
let scene: SceneDatabase;

beforeAll(async () => {
	servers = await startSceneServers();
});

beforeEach(async () => {
	scene = await createSceneDatabase(servers);
	scene.aws.parameters.putMany({
		[`/shop/${scene.database}/aws-ecs-fargate/shop-api/postgres/database-name`]: scene.database,
		[`/shop/${scene.database}/aws-ecs-fargate/shop-api/postgres/type`]: "postgres",
		[`/shop/${scene.database}/aws-rds/aurora-postgres/host`]: scene.server.host,
		[`/shop/${scene.database}/aws-rds/aurora-postgres/port`]: String(scene.server.port),
		[`/shop/${scene.database}/aws-secrets-manager/database/secret-id`]: scene.secretId,
	});
	await scene.server.admin.query("GRANT CREATE ON SCHEMA public TO PUBLIC", [], scene.database);
});

/** A TypeScript program in a process of its own. */
class Program {
	output = "";
	private readonly child: ChildProcessWithoutNullStreams;
	private readonly ended: Promise<unknown>;

	constructor(...programArguments: readonly string[]) {
		this.child = spawn(process.execPath, [join(ROOT, "scripts/run-ts.cjs"), ...programArguments], {
			cwd: RECIPES,
			env: { ...process.env, ...scene.aws.env, ENVIRONMENT: scene.database },
		});
		for (const stream of [this.child.stdout, this.child.stderr])
			stream.on("data", (chunk: Buffer) => (this.output += chunk.toString()));
		this.ended = once(this.child, "close");
		endLater(async () => {
			this.child.kill("SIGKILL");
			await this.ended;
		});
	}

	stop(): void {
		this.child.kill("SIGTERM");
	}

	write(line: string): void {
		this.child.stdin.write(`${line}\n`);
	}

	async waitFor(text: string): Promise<void> {
		await waitUntil(`"${text}" in: ${this.output}`, () => this.output.includes(text) || this.child.exitCode !== null, DEADLINE_MS);
		if (!this.output.includes(text)) throw new Error(`The program ended without "${text}":\n${this.output}`);
	}

	async waitForExit(): Promise<number | null> {
		await waitUntil("the program has ended", () => this.child.exitCode !== null || this.child.signalCode !== null, DEADLINE_MS);
		await this.ended;
		return this.child.exitCode;
	}
}

/** Runs a program to its end, and returns what it printed. */
async function run(...programArguments: readonly string[]): Promise<string> {
	const program = new Program(...programArguments);
	const exitCode = await program.waitForExit();
	if (exitCode !== 0) throw new Error(`It ended with ${String(exitCode)}:\n${program.output}`);
	return program.output;
}

async function migrate(): Promise<string> {
	return run(TYPEORM_CLI, "migration:run", "-d", "data-source.ts");
}

async function countNotes(): Promise<number> {
	const { rows } = await scene.server.admin.query<{ count: number }>("SELECT count(*)::int AS count FROM note", [], scene.database);
	return rows[0]?.count ?? 0;
}

/** The user whose secret was read first cannot log in any more, and loses its connections. */
async function rotateInAws(): Promise<void> {
	await scene.alternate();
	const [former] = scene.users;
	await scene.server.admin.query(`GRANT ALL ON note, note_id_seq TO PUBLIC`, [], scene.database);
	await scene.server.setPassword(former, "no longer known");
	await scene.server.terminate(former);
}

it("the CLI of TypeORM runs and reverts a migration, and its process ends", async () => {
	const output = await migrate();

	expect(output).toContain("CreateNote1700000000000 has been executed successfully");
	expect(await countNotes()).toBe(0);

	await run(TYPEORM_CLI, "migration:revert", "-d", "data-source.ts");

	await expect(countNotes()).rejects.toThrow(/relation "note" does not exist/);
});

it("a script works and ends by itself", async () => {
	await migrate();
	await scene.server.admin.query("INSERT INTO note (text) VALUES (''), ('kept'), ('')", [], scene.database);

	const output = await run("script.ts");

	expect(output).toContain("2 empty notes deleted");
	expect(await countNotes()).toBe(1);
});

it("a queue worker goes on after the credentials changed, and finishes on SIGTERM", async () => {
	await migrate();
	const worker = new Program("worker.ts");
	await worker.waitFor("ready");
	await scene.server.admin.query("INSERT INTO note (text) VALUES ('first')", [], scene.database);
	await worker.waitFor("done: first");

	await rotateInAws();
	await scene.server.admin.query("INSERT INTO note (text) VALUES ('second')", [], scene.database);
	await worker.waitFor("done: second");
	worker.stop();

	expect(await worker.waitForExit()).toBe(0);
	expect(worker.output).toContain("closed");
	await eventually(async () => {
		const connections = await Promise.all(scene.users.map(async (user) => scene.server.connections(user)));
		expect(connections.flat()).toEqual([]);
	});
});

it("a function connects once, and serves events before and after the credentials changed", async () => {
	await migrate();
	const lambda = new Program(join(__dirname, "invoke-lambda.ts"));
	lambda.write("first");
	await lambda.waitFor("saved: 1");
	scene.aws.calls.clear();
	lambda.write("second");
	await lambda.waitFor("saved: 2");
	expect(scene.aws.calls.count()).toBe(0);

	await rotateInAws();
	lambda.write("third");
	await lambda.waitFor("saved: 3");

	expect(await countNotes()).toBe(3);
});

it.each(["data-source", "database", "script", "worker", "lambda", "tenants"])("the guide shows the recipe %s as it is run here", (name) => {
	const guide = readFileSync(join(ROOT, "docs/guides/without-nest.md"), "utf8");
	const recipe = readFileSync(join(RECIPES, `${name}.ts`), "utf8");

	// Documents are formatted with spaces, code with tabs.
	expect(guide).toContain(recipe.replaceAll("\t", "  ").trimEnd());
});
