/** The window of a single-user rotation: the database has the new password, AWSCURRENT does not name it yet. */
import { setTimeout as delay } from "node:timers/promises";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import type { ConnectorEvent } from "../../../src/events/connector-event.js";
import { ALL_ENGINES, describeEngines } from "../../support/describe-engines.js";
import type { PolicyDocument } from "../../../src/testing/permissions.js";
import { fillPool } from "../../support/held-connections.js";
import { startWatchedScene, type WatchedScene } from "../../support/invariants.js";
import { waitUntil } from "../../support/wait-until.js";

const CALLER_COUNT = 40;
const NEW_PASSWORD = "canary-of-the-next-version";
const POOL_SIZE = 5;
/** A login that succeeds vouches for others for 100 ms; a password that changes so soon would be found out by each of them. */
const REST_MS = 200;

/** What an administrator writes who gives the application the current version and no other. */
const CURRENT_ONLY: PolicyDocument = {
	Statement: [
		{ Action: "secretsmanager:GetSecretValue", Effect: "Allow", Resource: "*" },
		{
			Action: "secretsmanager:GetSecretValue",
			Condition: { StringEquals: { "secretsmanager:VersionStage": ["AWSPENDING", "AWSPREVIOUS"] } },
			Effect: "Deny",
			Resource: "*",
		},
	],
	Version: "2012-10-17",
};

describeEngines("The window of a single-user rotation", { engines: ALL_ENGINES }, ({ getServers, version }) => {
	afterEach(() => getServers().aws.permissions.lift());

	/** The pool is full and at rest. */
	async function startAtRest(rotation: ITypeOrmAwsConnectorConfig["rotation"] = {}): Promise<WatchedScene> {
		const scene = await startWatchedScene(getServers(), {
			config: { poolSize: POOL_SIZE, rotation: { isEnabled: true, ...rotation } },
			version,
			workerCount: 0,
		});
		await fillPool(scene.dataSource, POOL_SIZE);
		await delay(REST_MS);
		return scene;
	}

	async function loseConnections({ pools, server, users }: WatchedScene): Promise<void> {
		await server.terminate(users[0]);
		await waitUntil("the pools have noticed", () => pools.every(({ idleCount }) => idleCount === 0));
	}

	/** What a rotation function has done when it is half-way: AWSPENDING holds the new password, and the database has taken it. */
	async function enterWindow(scene: WatchedScene): Promise<string> {
		const { username } = scene.current();
		const pending = scene.aws.secrets.put(scene.secretId, { password: NEW_PASSWORD, username }, { stages: ["AWSPENDING"] });
		await scene.server.setPassword(username, NEW_PASSWORD);
		await loseConnections(scene);
		return pending;
	}

	/** The failures of so many callers. */
	async function callAtOnce({ dataSource }: WatchedScene): Promise<unknown[]> {
		const calls = Array.from({ length: CALLER_COUNT }, async () => dataSource.query("SELECT 1"));
		return (await Promise.allSettled(calls)).flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
	}

	const listEvents = ({ events }: WatchedScene, wanted: ConnectorEvent["type"]): unknown[] =>
		events.filter(({ type }) => type === wanted);

	it("costs callers nothing and the server two logins, however often connections are lost before AWSCURRENT follows", async () => {
		const scene = await startAtRest();
		const pending = await enterWindow(scene);
		const refusedBefore = await scene.server.refusedLogins(scene.users[0]);
		const failures: unknown[] = [];

		for (let round = 0; round < 3; round += 1) {
			failures.push(...(await callAtOnce(scene)));
			await delay(REST_MS);
			await loseConnections(scene);
		}
		scene.aws.secrets.moveStage(scene.secretId, "AWSCURRENT", pending);
		failures.push(...(await callAtOnce(scene)));
		const afterwards = await scene.rotator.rotateDatabaseConnection();

		expect(failures).toEqual([]);
		expect((await scene.server.refusedLogins(scene.users[0])) - refusedBefore).toBeLessThanOrEqual(2);
		expect(listEvents(scene, "rotation.succeeded")).toEqual([
			expect.objectContaining({ trigger: "authentication-failure", versionStage: "AWSPENDING" }),
		]);
		expect(afterwards).toEqual({ outcome: "unchanged" });
		expect(await scene.findViolations()).toEqual([]);
	});

	it.each([
		{ policy: CURRENT_ONLY, rotation: {}, title: "the policy denies AWSPENDING", wasDenied: true },
		{ policy: undefined, rotation: { shouldUsePendingSecret: false }, title: "AWSPENDING is not to be used", wasDenied: false },
	])(
		"costs callers nothing and the server two logins where $title, until AWSCURRENT follows",
		async ({ policy, rotation, wasDenied }) => {
			const scene = await startAtRest(rotation);
			const { permissions } = scene.aws;
			if (policy !== undefined) permissions.enforce(policy);
			const deniedBefore = permissions.denials.length;
			const pending = await enterWindow(scene);
			const refusedBefore = await scene.server.refusedLogins(scene.users[0]);

			scene.aws.calls.clear();
			const calls = callAtOnce(scene);
			await waitUntil("the recovery has read the secret", () => scene.aws.calls.count("GetSecretValue") > 0);
			await waitUntil("AWSPENDING was denied", () => permissions.denials.length > deniedBefore || policy === undefined);
			const successesInWindow = listEvents(scene, "rotation.succeeded");
			scene.aws.secrets.moveStage(scene.secretId, "AWSCURRENT", pending);
			const failures = await calls;

			expect(failures).toEqual([]);
			expect((await scene.server.refusedLogins(scene.users[0])) - refusedBefore).toBeLessThanOrEqual(2);
			expect(successesInWindow).toEqual([]);
			expect(listEvents(scene, "rotation.succeeded")).toHaveLength(1);
			expect(listEvents(scene, "rotation.failed")).toEqual([]);
			expect(permissions.denials.length > deniedBefore).toBe(wasDenied);
			expect(await scene.findViolations()).toEqual([]);
		},
	);

	it("stays on AWSPENDING while AWSCURRENT still names the old password, without trying that again", async () => {
		const scene = await startAtRest();
		await enterWindow(scene);
		await callAtOnce(scene);
		const refusedBefore = await scene.server.refusedLogins(scene.users[0]);

		const outcomes = [await scene.rotator.rotateDatabaseConnection(), await scene.rotator.rotateDatabaseConnection()];

		expect(outcomes).toEqual([{ outcome: "unchanged" }, { outcome: "unchanged" }]);
		expect((await scene.server.refusedLogins(scene.users[0])) - refusedBefore).toBe(0);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("goes back to AWSCURRENT when the rotation is rolled back", async () => {
		const scene = await startAtRest();
		await enterWindow(scene);
		await callAtOnce(scene);
		const { password, username } = scene.current();

		await scene.server.setPassword(username, password);
		await loseConnections(scene);
		const failures = await callAtOnce(scene);

		expect(failures).toEqual([]);
		expect(await scene.findViolations()).toEqual([]);
	});
});
