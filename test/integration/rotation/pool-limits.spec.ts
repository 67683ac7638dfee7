/** What an application has told its driver about waiting in the pool holds with rotation as it does on plain TypeORM. */
import type { DataSource, DataSourceOptions } from "typeorm";

import { describeEngines } from "../../support/describe-engines.js";
import { holdConnections } from "../../support/held-connections.js";

const CALLER_COUNT = 8;
const MONTH_MS = 2_592_000_000;
const POOL_SIZE = 2;

/** What callers get while every connection is in use, in the words of the driver; those that wait are served at the end. */
async function callWhileFull(dataSource: DataSource): Promise<string[]> {
	const held = await holdConnections(dataSource, POOL_SIZE);
	const calls = Array.from({ length: CALLER_COUNT }, async () =>
		dataSource.query("SELECT 1").then(
			() => "served",
			(error: unknown) => (error as Error).message,
		),
	);
	// Who is refused at once is refused by then.
	await Promise.race(calls);
	await new Promise((resolve) => setImmediate(resolve));
	await held.release();
	return Promise.all(calls);
}

describeEngines("A limit of mysql2's queue", { engines: ["mariadb"] }, ({ start, version }) => {
	it.each([
		{ extra: { queueLimit: 3 }, refusal: "Queue limit reached.", servedCount: 3 },
		{ extra: { waitForConnections: false }, refusal: "No connections available.", servedCount: 0 },
	])("refuses callers as on plain TypeORM: $extra", async ({ extra, refusal, servedCount }) => {
		const override = (options: DataSourceOptions): DataSourceOptions => ({
			...options,
			extra: { ...(options.extra as object), ...extra },
		});
		const scene = await start({ config: { poolSize: POOL_SIZE, rotation: { intervalMs: MONTH_MS, isEnabled: true } }, override });
		const plain = await new (version.load().DataSource)({ ...scene.dataSource.options }).initialize();

		const onPlain = await callWhileFull(plain);
		await plain.destroy();
		const before = await callWhileFull(scene.dataSource);
		await scene.exchange();
		await scene.exchange();
		const after = await callWhileFull(scene.dataSource);

		const count = (answers: readonly string[]): object => ({
			refused: answers.filter((answer) => answer === refusal).length,
			served: answers.filter((answer) => answer === "served").length,
		});
		const expected = { refused: CALLER_COUNT - servedCount, served: servedCount };
		expect([onPlain, before, after].map(count)).toEqual([expected, expected, expected]);
	});

	it("counts callers who wait for a connection, not those who wait for credentials", async () => {
		const override = (options: DataSourceOptions): DataSourceOptions => ({
			...options,
			extra: { ...(options.extra as object), queueLimit: 1 },
		});
		const scene = await start({ config: { poolSize: POOL_SIZE, rotation: { intervalMs: MONTH_MS, isEnabled: true } }, override });
		const { username } = scene.current();
		await scene.server.setPassword(username, "changed");
		await scene.server.terminate(username);
		scene.aws.secrets.put(scene.secretId, { password: "changed", username });

		const answers = await Promise.all(
			Array.from({ length: POOL_SIZE }, async (): Promise<unknown> => scene.dataSource.query("SELECT 1 AS one")),
		);

		expect(answers).toEqual(answers.map(() => [{ one: 1 }]));
	});

	it("gives a caller that may not wait the server's refusal while credentials are refused, and serves it afterwards", async () => {
		const override = (options: DataSourceOptions): DataSourceOptions => ({
			...options,
			extra: { ...(options.extra as object), waitForConnections: false },
		});
		const scene = await start({ config: { poolSize: POOL_SIZE, rotation: { intervalMs: MONTH_MS, isEnabled: true } }, override });
		const { username } = scene.current();
		await scene.server.setPassword(username, "changed");
		await scene.server.terminate(username);

		const call = async (): Promise<unknown> =>
			scene.dataSource.query("SELECT 1 AS one").catch((error: unknown) => (error as { code?: unknown }).code);
		const refused = [await call(), await call(), await call()];
		scene.aws.secrets.put(scene.secretId, { password: "changed", username });
		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		const served = await call();

		expect(new Set(refused)).toEqual(new Set(["ER_ACCESS_DENIED_ERROR"]));
		expect([outcome, served]).toEqual(["rotated", [{ one: 1 }]]);
	});
});

describeEngines("A caller that waits for a connection", {}, ({ engine, start, version }) => {
	it("waits as long as on plain TypeORM", async () => {
		const scene = await start({
			config: { connectionTimeoutMs: 500, poolSize: POOL_SIZE, rotation: { intervalMs: MONTH_MS, isEnabled: true } },
		});
		const plain = await new (version.load().DataSource)({ ...scene.dataSource.options }).initialize();

		const answers: string[] = [];
		for (const dataSource of [plain, scene.dataSource]) {
			const held = await holdConnections(dataSource, POOL_SIZE);
			const call = dataSource.query("SELECT 1").then(
				() => "served",
				(error: unknown) => (error as Error).message,
			);
			// Three times as long as the limit.
			await Promise.race([call, new Promise((resolve) => setTimeout(resolve, 1_500))]);
			await held.release();
			answers.push(await call);
		}
		await plain.destroy();

		// mysql2's `connectTimeout` is about a connection to the server, not about the queue.
		const expected = engine === "postgres" ? "timeout exceeded when trying to connect" : "served";
		expect(answers).toEqual([expected, expected]);
	});
});
