/** Connectors and the application share what is read of a secret: one request serves all of them, and a rotation refreshes it for all. */
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { type DynamicModule, Module } from "@nestjs/common";
import { getDataSourceToken, TypeOrmModule } from "@nestjs/typeorm";

import type { ITypeOrmAwsConnectorAws } from "../../../src/aws/aws.options.js";
import type { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { getConnectorToken, getRotatorToken } from "../../../src/module/connector.tokens.js";
import { SecretsManagerModule } from "../../../src/module/secrets-manager.module.js";
import { TypeOrmAwsConnectorModule } from "../../../src/module/typeorm-aws-connector.module.js";
import type { RotatorService } from "../../../src/rotation/rotator.service.js";
import { SecretsManagerService } from "../../../src/secrets/secrets-manager.service.js";
import { waitForUser } from "../../support/eventually.js";
import { type Application, ApplicationScene, whoAmI } from "./application-scene.js";

const TOKENS = { read: getDataSourceToken("read"), write: getDataSourceToken("write") };
type Name = keyof typeof TOKENS;

let scene: ApplicationScene;

beforeAll(async () => {
	scene = await ApplicationScene.start();
});

beforeEach(() => scene.reset());

afterEach(async () => scene.close());

afterAll(async () => scene.stop());

/** A DataSource with its connector, both on the secret `shop`. */
function wire(name: Name, aws: ITypeOrmAwsConnectorAws | undefined): DynamicModule {
	const { host, port } = scene.server;
	const target = { databaseName: "shop", host, port, type: "postgres" } as const;
	const token = TOKENS[name];
	class DatabaseModule {}
	Module({})(DatabaseModule);
	return {
		imports: [
			TypeOrmAwsConnectorModule.register({
				...target,
				...(aws && { aws }),
				dataSourceToken: token,
				entities: [],
				rotation: { intervalMs: 3_600_000, isEnabled: true },
				secretId: "shop",
			}),
			TypeOrmModule.forRootAsync({
				inject: [getConnectorToken(token)],
				name,
				useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
			}),
		],
		module: DatabaseModule,
	};
}

/** How often a version of the secret was asked for. */
function countReads(stage = "AWSCURRENT"): number {
	return scene.aws.calls.list.filter(({ input, operation }) => operation === "GetSecretValue" && input["VersionStage"] === stage).length;
}

async function rotate(application: Application, ...names: Name[]): Promise<string[]> {
	const rotators = names.map((name) => application.get<RotatorService>(getRotatorToken(TOKENS[name])));
	const results = await Promise.all(rotators.map(async (rotator) => rotator.rotateDatabaseConnection()));
	return results.map(({ outcome }) => outcome);
}

it("starts two connectors and the application with one read of the secret", async () => {
	const aws = scene.connectorAws;

	const application = await scene.boot(SecretsManagerModule.register({ aws }), wire("read", undefined), wire("write", undefined));
	const secret = await application.get<SecretsManagerService>(SecretsManagerService).getJson("shop");

	expect(secret).toEqual({ password: "blue password", username: "shop_blue" });
	expect([countReads(), countReads("AWSPENDING")]).toEqual([1, 1]);
	for (const name of ["read", "write"] as const) {
		expect(await whoAmI(application.get(TOKENS[name]))).toEqual({ database: "shop", user: "shop_blue" });
	}
});

it("starts two connectors with one read without the module, too", async () => {
	await scene.boot(wire("read", scene.connectorAws), wire("write", scene.connectorAws));

	expect([countReads(), countReads("AWSPENDING")]).toEqual([1, 1]);
});

it("shares nothing between connectors that reach AWS in different ways", async () => {
	const { credentials } = scene.connectorAws;

	await scene.boot(wire("read", scene.connectorAws), wire("write", { ...scene.connectorAws, credentials: { ...credentials } }));

	expect(countReads()).toBe(2);
});

it("rotates both with one read past the cache, which the application sees", async () => {
	const application = await scene.boot(
		SecretsManagerModule.register({ aws: scene.connectorAws }),
		wire("read", scene.connectorAws),
		wire("write", undefined),
	);
	const secrets = application.get<SecretsManagerService>(SecretsManagerService);
	await secrets.get("shop");
	scene.moveSecret("shop");
	const stale = await secrets.getJson("shop");
	scene.aws.calls.clear();

	const outcomes = await rotate(application, "read", "write");

	expect(outcomes).toEqual(["rotated", "rotated"]);
	expect(stale).toMatchObject({ username: "shop_blue" });
	await expect(secrets.getJson("shop")).resolves.toMatchObject({ username: "shop_green" });
	expect(countReads()).toBe(1);
});

describe("a value that was set", () => {
	/** What EventBridge tells of it. */
	const EVENT = {
		detail: { labelUpdated: "AWSCURRENT", name: "shop" },
		"detail-type": "Secret Label Updated",
		source: "aws.secretsmanager",
	};

	it.each<[string, (rotator: RotatorService) => Promise<{ readonly outcome: string } | undefined>]>([
		["the event of AWS", (rotator) => rotator.notifySecretChanged(EVENT)],
		["the next rotation", (rotator) => rotator.rotateDatabaseConnection()],
	])("is what the pools log in with after %s", async (_, trigger) => {
		const application = await scene.boot(
			SecretsManagerModule.register({ aws: scene.connectorAws }),
			wire("read", undefined),
			wire("write", undefined),
		);
		const dataSources = [application.get(TOKENS.read), application.get(TOKENS.write)];
		const rotators = [TOKENS.read, TOKENS.write].map((token) => application.get<RotatorService>(getRotatorToken(token)));
		const before = await Promise.all(dataSources.map(whoAmI));

		await application
			.get<SecretsManagerService>(SecretsManagerService)
			.set("shop", { password: "green password", username: "shop_green" });
		const results = await Promise.all(rotators.map(trigger));

		expect(before.map(({ user }) => user)).toEqual(["shop_blue", "shop_blue"]);
		expect(results).toEqual([
			{ generation: 2, outcome: "rotated", waitingServers: [] },
			{ generation: 2, outcome: "rotated", waitingServers: [] },
		]);
		for (const dataSource of dataSources) await waitForUser("shop_green", async () => (await whoAmI(dataSource)).user);
	});
});

it("sees a change at each rotation, whatever the cache holds", async () => {
	const application = await scene.boot(SecretsManagerModule.register({ aws: scene.connectorAws }), wire("read", undefined));
	const first = await rotate(application, "read");
	scene.moveSecret("shop");

	const second = await rotate(application, "read");

	expect([...first, ...second]).toEqual(["unchanged", "rotated"]);
	await waitForUser("shop_green", async () => (await whoAmI(application.get(TOKENS.read))).user);
});

it("starts afresh with each application, and leaves no connection to AWS behind", async () => {
	for (let start = 1; start <= 2; start++) {
		await scene.boot(SecretsManagerModule.register({ aws: scene.connectorAws }), wire("read", undefined), wire("write", undefined));

		expect(countReads()).toBe(start);
		await scene.close();
		while (scene.aws.openConnectionCount > 0) await new Promise((resolve) => setImmediate(resolve));
	}
});

it("never destroys a client that was injected", async () => {
	const client = new SecretsManagerClient(scene.aws.clientConfig);
	const destroy = jest.spyOn(client, "destroy");
	const aws = { secretsManagerClient: client };
	await scene.boot(SecretsManagerModule.register({ aws }), wire("read", { ...aws }), wire("write", undefined));

	await scene.close();

	expect(countReads()).toBe(1);
	expect(destroy).not.toHaveBeenCalled();
	client.destroy();
});
