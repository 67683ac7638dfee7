/** AWS, or the source of the AWS identity, does not answer: twenty rotations run into their deadline, and rotation resumes by itself. */
import { Agent } from "node:http";
import type { LookupFunction } from "node:net";

import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

import type { ITypeOrmAwsConnectorAws } from "../../src/aws/aws.options.js";
import type { IRotatorOptions } from "../../src/rotation/rotation.options.js";
import { startWatchedScene } from "../support/invariants.js";
import { outliveFault, QUICK_ROTATION } from "../support/outlive-fault.js";
import { type SceneServers, startSceneServers } from "../support/rotating-database.js";
import { typeOrmVersionsFor } from "../support/typeorm-versions.js";

/** Longer than the longest request to AWS may take (10 s), which a rotation joins that comes while it hangs. */
const RESUMED_WITHIN_MS = 60_000;
const SHORT_DEADLINES = { deadlines: { fetchMs: 80 } };

let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers();
});

afterAll(async () => servers.stop());

describe.each(typeOrmVersionsFor("postgres"))("AWS on TypeORM $label", (version) => {
	it.each(["hang", "stall-body"] as const)("may %s through twenty rotations", async (kind) => {
		const scene = await startWatchedScene(servers, {
			config: { rotation: QUICK_ROTATION },
			rotatorOptions: SHORT_DEADLINES,
			version,
		});
		const fault = scene.aws.faults.inject({ kind });
		await scene.alternate();
		let awsConnectionCount = 0;

		const { codes, userMeanwhile } = await outliveFault(
			scene,
			() => {
				awsConnectionCount = scene.aws.openConnectionCount;
				fault.clear();
			},
			RESUMED_WITHIN_MS,
		);

		expectSilence(codes);
		expect(userMeanwhile).toBe(scene.users[0]);
		await scene.waitForUser(scene.users[1]);
		// Two from the start of the application and one of the recovery with a fresh client: rotations share a request.
		expect(awsConnectionCount).toBeLessThanOrEqual(3);
		expect(await scene.findViolations()).toEqual([]);
	});
});

/**
 * Rotations give up after their own deadline. The request that they share ends after 10 s, which twenty rotations may take
 * on a busy machine.
 */
function expectSilence(codes: readonly string[]): void {
	expect(codes).toContain("ERR_CONNECTOR_TIMEOUT");
	expect(["ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", "ERR_CONNECTOR_TIMEOUT"]).toEqual(expect.arrayContaining([...codes]));
}

type Provider = Extract<ITypeOrmAwsConnectorAws["credentials"], (...parameters: never[]) => unknown>;

describe.each(typeOrmVersionsFor("postgres"))("The identity for AWS on TypeORM $label", (version) => {
	const FAULTS: readonly {
		expectCodes: (codes: readonly string[]) => void;
		provide: Provider;
		rotatorOptions: IRotatorOptions;
		title: string;
	}[] = [
		{
			expectCodes: (codes) => expect(codes).toEqual(["ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE"]),
			provide: async () => {
				throw Object.assign(new Error("Could not load credentials from any providers"), { name: "CredentialsProviderError" });
			},
			rotatorOptions: {},
			title: "be missing",
		},
		{
			expectCodes: expectSilence,
			provide: async () => new Promise<never>(() => undefined),
			rotatorOptions: SHORT_DEADLINES,
			title: "hang",
		},
	];

	it.each(FAULTS)("may $title for twenty rotations", async ({ expectCodes, provide, rotatorOptions }) => {
		const { credentials, endpoint, region } = servers.aws.clientConfig;
		// An identity that is about to expire is asked for each time.
		const provideWell = async () => ({ ...credentials, expiration: new Date() });
		let provideNow: Provider = provideWell;
		const scene = await startWatchedScene(servers, {
			config: { aws: { credentials: async () => provideNow(), endpoint, region }, rotation: QUICK_ROTATION },
			rotatorOptions,
			version,
		});
		provideNow = provide;
		await scene.alternate();

		const { codes, userMeanwhile } = await outliveFault(scene, () => void (provideNow = provideWell), RESUMED_WITHIN_MS);

		expectCodes(codes);
		expect(userMeanwhile).toBe(scene.users[0]);
		await scene.waitForUser(scene.users[1]);
		expect(await scene.findViolations()).toEqual([]);
	});
});

describe.each(typeOrmVersionsFor("postgres"))("The name of AWS on TypeORM $label", (version) => {
	const HOST = "secretsmanager.eu-west-1.amazonaws.test";

	it("may be unknown to the resolver for twenty rotations", async () => {
		let isKnown = true;
		const lookup: LookupFunction = (name, { all }, done) => {
			const failure = Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: "ENOTFOUND" });
			const addresses = [{ address: "127.0.0.1", family: 4 }];
			if (!isKnown) process.nextTick(() => done(failure, []));
			else process.nextTick(() => (all === true ? done(null, addresses) : done(null, "127.0.0.1", 4)));
		};
		const client = new SecretsManagerClient({
			...servers.aws.clientConfig,
			endpoint: servers.aws.url.replace("127.0.0.1", HOST),
			maxAttempts: 1,
			// An open connection needs no name.
			requestHandler: { httpAgent: new Agent({ keepAlive: false, lookup }) },
		});
		const scene = await startWatchedScene(servers, {
			config: { aws: { secretsManagerClient: client }, rotation: QUICK_ROTATION },
			version,
		});
		isKnown = false;
		await scene.alternate();
		const callCount = scene.aws.calls.count();

		const { codes, messages, userMeanwhile } = await outliveFault(scene, () => {
			expect(scene.aws.calls.count()).toBe(callCount);
			isKnown = true;
		});

		expect(codes).toEqual(["ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE"]);
		expect(messages).toEqual([expect.stringContaining("ENOTFOUND")]);
		expect(userMeanwhile).toBe(scene.users[0]);
		await scene.waitForUser(scene.users[1]);
		expect(await scene.findViolations()).toEqual([]);
		client.destroy();
	});
});
