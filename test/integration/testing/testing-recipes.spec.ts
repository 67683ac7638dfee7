/** The tests that the guide shows, run by a Jest of their own on a real server, as those of an application are. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { startPostgres } from "../../support/postgres/postgres-server.js";
import { endLater } from "../../support/endings.js";

const ROOT = join(__dirname, "../../..");
const JEST = join(ROOT, "node_modules/jest/bin/jest.js");

async function runTests(file: string, databaseUrl: string): Promise<{ exitCode: unknown; output: string }> {
	const child = spawn(process.execPath, [JEST, "--testMatch", `<rootDir>/examples/recipes/${file}`, "--runInBand"], {
		cwd: ROOT,
		env: { ...process.env, TEST_DATABASE_URL: databaseUrl },
		stdio: ["ignore", "pipe", "pipe"],
	});
	endLater(async () => child.kill("SIGKILL"));
	let output = "";
	for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
	const [exitCode] = (await once(child, "close")) as unknown[];
	return { exitCode, output };
}

it.each(["notes.e2e.ts", "rotation.e2e.ts"])("%s passes", async (file) => {
	const server = await startPostgres();
	endLater(async () => server.stop());
	const { password, user } = server.superuser;
	await server.createDatabase("recipes");

	const { exitCode, output } = await runTests(file, `postgres://${user}:${password}@${server.host}:${String(server.port)}/recipes`);

	expect({ exitCode, output }).toEqual({ exitCode: 0, output: expect.stringMatching(/Tests: +1 passed, 1 total/) as string });
});
