/** The window of a single-user rotation: the database has the new password, AWSCURRENT does not name it yet. */
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { ALL_ENGINES, describeEngines } from "../../support/describe-engines.js";
import type { Scene } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";

const CALLER_COUNT = 40;
const NEW_PASSWORD = "password-of-the-next-version";

describeEngines("The window of a single-user rotation", { engines: ALL_ENGINES }, ({ start, version }) => {
	/** What a rotation function has done when it is half-way: AWSPENDING holds the new password, and the database has taken it. */
	async function enterWindow(scene: Scene<DatabaseServer>): Promise<string> {
		const { username } = scene.current();
		const pending = scene.aws.secrets.put(scene.secretId, { password: NEW_PASSWORD, username }, { stages: ["AWSPENDING"] });
		await scene.server.setPassword(username, NEW_PASSWORD);
		await scene.server.terminate(username);
		return pending;
	}

	const callAtOnce = async ({ dataSource }: Scene<DatabaseServer>): Promise<PromiseSettledResult<unknown>[]> =>
		Promise.allSettled(Array.from({ length: CALLER_COUNT }, async () => dataSource.query("SELECT 1")));

	const listFailures = (results: PromiseSettledResult<unknown>[]): unknown[] =>
		results.filter((result) => result.status === "rejected").map(({ reason }: PromiseRejectedResult) => reason as unknown);

	it("serves 40 callers from AWSPENDING, three seconds before AWSCURRENT follows", async () => {
		const scene = await start({ config: { rotation: { isEnabled: true } } });
		const pending = await enterWindow(scene);
		const refusedBefore = await scene.server.refusedLogins();

		const results = await callAtOnce(scene);
		const refusedCount = (await scene.server.refusedLogins()) - refusedBefore;
		scene.aws.secrets.moveStage(scene.secretId, "AWSCURRENT", pending);
		const afterwards = await scene.rotator.rotateDatabaseConnection();

		expect(listFailures(results)).toEqual([]);
		expect(refusedCount).toBeLessThanOrEqual(2);
		expect(afterwards).toEqual({ outcome: "unchanged" });
		expect(scene.events.filter(({ type }) => type === "rotation.succeeded")).toEqual([
			expect.objectContaining({ trigger: "authentication-failure", versionStage: "AWSPENDING" }),
		]);
		await scene.stop();
	}, 30_000);

	it("waits for AWSCURRENT where AWSPENDING may not be read", async () => {
		const scene = await start({ config: { rotation: { isEnabled: true, shouldUsePendingSecret: false } } });
		const pending = await enterWindow(scene);
		const refusedBefore = await scene.server.refusedLogins();

		const calls = callAtOnce(scene);
		setTimeout(() => scene.aws.secrets.moveStage(scene.secretId, "AWSCURRENT", pending), 1_500);
		const results = await calls;

		expect(listFailures(results)).toEqual([]);
		expect((await scene.server.refusedLogins()) - refusedBefore).toBeLessThanOrEqual(2);
		await scene.stop();
	}, 30_000);

	it("stays on AWSPENDING while AWSCURRENT still names the old password, without trying that again", async () => {
		const scene = await start({ config: { rotation: { isEnabled: true } } });
		await enterWindow(scene);
		await callAtOnce(scene);
		const refusedBefore = await scene.server.refusedLogins();

		const outcomes = [await scene.rotator.rotateDatabaseConnection(), await scene.rotator.rotateDatabaseConnection()];

		expect(outcomes).toEqual([{ outcome: "unchanged" }, { outcome: "unchanged" }]);
		expect((await scene.server.refusedLogins()) - refusedBefore).toBe(0);
		await scene.stop();
	}, 30_000);

	it("goes back to AWSCURRENT when the rotation is rolled back", async () => {
		const scene = await start({ config: { rotation: { isEnabled: true } } });
		await enterWindow(scene);
		await callAtOnce(scene);
		const { password, username } = scene.current();

		await scene.server.setPassword(username, password);
		await scene.server.terminate(username);
		const results = await callAtOnce(scene);

		expect(listFailures(results)).toEqual([]);
		await scene.stop();
	}, 30_000);

	it("starts an application inside the window", async () => {
		const scene = await start({ config: { rotation: { isEnabled: true } } });
		await enterWindow(scene);
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, scene.config);
		const { DataSource } = version.load();

		const options = await connector.getTypeOrmOptions();
		const dataSource = await new DataSource(options).initialize();

		expect(options).toMatchObject({ password: NEW_PASSWORD });
		expect(await dataSource.query("SELECT 'yes' AS answer")).toEqual([{ answer: "yes" }]);
		await dataSource.destroy();
		connector.close();
		await scene.stop();
	}, 30_000);
});
