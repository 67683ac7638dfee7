/** A process whose application is closed ends by itself, without process.exit(). */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { describeEngines } from "../../support/describe-engines.js";
import { createSceneDatabase, type SceneDatabase } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { LATEST_TYPEORM } from "../../support/typeorm-versions.js";
import { waitUntil } from "../../support/wait-until.js";

const ROOT = join(__dirname, "..", "..", "..");
/** For the application and its process together, the start of Node excluded. Much shorter than the timers of the pool. */
const EXIT_WITHIN_MS = 60_000;
/** Both drivers have a timer then. */
const IDLE_TIMERS = { idleTimeoutMs: 600_000, poolSize: 5 };

/** Starts the application, changes the secret, and resolves when the application has rotated. */
async function startAndRotate(database: SceneDatabase<DatabaseServer>, mode: "close" | "wait"): Promise<ChildProcess> {
	const config = { ...database.config, ...IDLE_TIMERS, rotation: { intervalMs: 100, isEnabled: true } };
	const child = spawn(process.execPath, [join(ROOT, "scripts/run-ts.cjs"), join(__dirname, "closing-application.ts"), mode], {
		cwd: ROOT,
		env: { ...process.env, CONNECTOR_CONFIG: JSON.stringify(config) },
		stdio: ["ignore", "pipe", "inherit"],
	});
	const lines = createInterface({ input: child.stdout });
	await once(lines, "line");
	await database.alternate();
	await once(lines, "line");
	return child;
}

/** How the process ended. Kills it and rejects when it does not. */
async function waitForExit(child: ChildProcess): Promise<NodeJS.Signals | number | null> {
	try {
		await waitUntil("the process has ended", () => child.exitCode !== null || child.signalCode !== null, EXIT_WITHIN_MS);
		return child.exitCode ?? child.signalCode;
	} finally {
		child.kill("SIGKILL");
	}
}

async function countConnections({ server, users }: SceneDatabase<DatabaseServer>): Promise<number> {
	const connections = await Promise.all(users.map(async (user) => server.connections(user)));
	return connections.flat().length;
}

// The application has the TypeORM that is installed as such.
describeEngines("A process", { versions: [LATEST_TYPEORM] }, ({ getServers }) => {
	let database: SceneDatabase<DatabaseServer>;

	beforeEach(async () => {
		database = await createSceneDatabase(getServers());
	});

	it("ends after app.close(), although a retired connection was never given back", async () => {
		const child = await startAndRotate(database, "close");

		const exit = await waitForExit(child);

		expect(exit).toBe(0);
		await waitUntil("the server has no connection left", async () => (await countConnections(database)) === 0);
	});

	it("ends on SIGTERM where shutdown hooks are enabled", async () => {
		const child = await startAndRotate(database, "wait");

		child.kill("SIGTERM");
		const exit = await waitForExit(child);

		// Nest raises the signal again when everything is closed.
		expect(exit).toBe("SIGTERM");
		await waitUntil("the server has no connection left", async () => (await countConnections(database)) === 0);
	});
});
