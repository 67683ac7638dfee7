/** The printed policy against an endpoint that enforces it: all that a connector does is allowed, and no statement of it is too many. */
import { type INestApplicationContext, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { TypeOrmModule } from "@nestjs/typeorm";
import { DataSource } from "typeorm";

import { runCommand } from "../../../src/cli/run-command.js";
import {
	createSecretsManager,
	ParameterStoreConfigModule,
	RotatorService,
	TypeOrmAwsConnectorModule,
	TypeOrmAwsConnectorService,
} from "../../../src/index.js";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";
import type { PolicyDocument } from "../../../src/testing/permissions.js";
import { type PostgresServer, startPostgres } from "../../support/postgres/postgres-server.js";

const SEGMENTS = { application: "shop", environment: "test", instanceName: "shop-api", namespace: "aws-ecs-fargate" };
const PLACE = ["--application", "shop", "--environment", "test", "--namespace", "aws-ecs-fargate", "--instance", "shop-api"];
const KEYS = { parameters: "arn:aws:kms:eu-west-1:123456789012:key/parameters", secret: "arn:aws:kms:eu-west-1:123456789012:key/secret" };
const KEY_OPTIONS = ["--parameter-kms-key", KEYS.parameters, "--secret-kms-key", KEYS.secret, "--decrypt"];
const SECRET_ID = "shop/database";
const HOST_PATH = "/shop/test/aws-rds/aurora-postgres/host";

const environment = { ...process.env };
let aws: FakeAws;
let server: PostgresServer;

beforeAll(async () => {
	server = await startPostgres();
	await server.createDatabase("shop");
	await server.createRole("app", "one", { databases: ["shop"] });
});

beforeEach(async () => {
	aws = await startFakeAws();
	Object.assign(process.env, aws.env);
	await server.setPassword("app", "one");
	aws.secrets.put(SECRET_ID, { password: "one", username: "app" });
	aws.secrets.find(SECRET_ID).kmsKeyId = KEYS.secret;
	aws.secrets.put("shop/other", { password: "other", username: "other" });
	aws.parameters.put(HOST_PATH, server.host, "SecureString", KEYS.parameters);
	aws.parameters.putMany({
		"/shop/test/aws-ecs-fargate/shop-api/postgres/database-name": "shop",
		"/shop/test/aws-ecs-fargate/shop-api/postgres/type": "postgres",
		"/shop/test/aws-ecs-fargate/shop-api/typeorm/rotation/enabled": "true",
		"/shop/test/aws-rds/aurora-postgres/port": String(server.port),
		"/shop/test/aws-secrets-manager/database/secret-id": SECRET_ID,
	});
});

afterEach(async () => {
	process.env = { ...environment };
	await aws.stop();
});

afterAll(async () => {
	await server.stop();
});

async function printPolicy(...options: string[]): Promise<PolicyDocument> {
	const printed: string[] = [];
	const print = (text: string): void => void printed.push(text);
	await runCommand(["policy", ...PLACE, ...options], {
		collectNotes: () => [],
		print,
		printError: () => undefined,
		readVersion: () => "",
	});
	return JSON.parse(printed.join("\n")) as PolicyDocument;
}

/** All that an application does: it starts, the place is read again, it rotates to the pending version, and it writes its secret. */
async function operate(policy: PolicyDocument, { isOnDemand, shouldSet }: { isOnDemand: boolean; shouldSet: boolean }): Promise<string[]> {
	aws.permissions.enforce(policy);
	let context: INestApplicationContext | undefined;
	const outcomes: string[] = [];
	try {
		context = await boot(isOnDemand);
		await server.setPassword("app", "two");
		aws.secrets.put(SECRET_ID, { password: "refused", username: "app" });
		aws.secrets.put(SECRET_ID, { password: "two", username: "app" }, { stages: ["AWSPENDING"] });
		const { outcome } = await context.get(RotatorService, { strict: false }).rotateDatabaseConnection();
		await context.get(DataSource, { strict: false }).query("SELECT 1");
		outcomes.push("started", outcome);
		if (shouldSet) outcomes.push(await setSecret());
	} catch (error) {
		outcomes.push((error as Error).name);
	} finally {
		await context?.close();
	}
	return outcomes;
}

async function boot(isOnDemand: boolean): Promise<INestApplicationContext> {
	@Module({
		imports: [
			ParameterStoreConfigModule.register({ ...SEGMENTS, shouldDecryptParameters: true, shouldLoadOnDemand: isOnDemand }),
			TypeOrmAwsConnectorModule.register({ entities: [] }),
			TypeOrmModule.forRootAsync({
				inject: [TypeOrmAwsConnectorService],
				useFactory: async (connector: TypeOrmAwsConnectorService) => ({
					...(await connector.getTypeOrmOptions()),
					retryAttempts: 0,
				}),
			}),
		],
	})
	class AppModule {}
	return NestFactory.createApplicationContext(AppModule, { abortOnError: false, logger: false });
}

async function setSecret(): Promise<string> {
	const secrets = createSecretsManager({ aws: { ...aws.clientConfig } });
	try {
		await secrets.set(SECRET_ID, { password: "two", username: "app" });
		return "set";
	} finally {
		secrets.close();
	}
}

describe.each([
	["loads the tree", [], ["DecryptParameters", "DecryptSecret", "LoadParameterTree", "ReadParameters", "ReadSecret"]],
	["loads on demand", ["--on-demand"], ["DecryptParameters", "DecryptSecret", "ReadParameters", "ReadSecret"]],
	[
		"writes its secret",
		["--on-demand", "--allow-set"],
		["DecryptParameters", "DecryptSecret", "EncryptSecret", "ReadParameters", "ReadSecret", "WriteSecret"],
	],
])("an application that %s", (_, options, statements) => {
	const manner = { isOnDemand: options.includes("--on-demand"), shouldSet: options.includes("--allow-set") };

	it("is allowed everything by the printed policy", async () => {
		const policy = await printPolicy(...options, ...KEY_OPTIONS);

		const outcomes = await operate(policy, manner);

		expect(outcomes).toEqual(["started", "rotated", ...(manner.shouldSet ? ["set"] : [])]);
		expect(aws.permissions.denials).toEqual([]);
		expect(policy.Statement.map(({ Sid }) => Sid).sort()).toEqual(statements);
	});

	it.each(statements)("is denied something without %s", async (removed) => {
		const policy = await printPolicy(...options, ...KEY_OPTIONS);
		const statement = policy.Statement.find(({ Sid }) => Sid === removed);

		await operate({ ...policy, Statement: policy.Statement.filter(({ Sid }) => Sid !== removed) }, manner);

		expect(aws.permissions.denials).toContain(statement?.Action);
	});
});

it("the pending version is denied where the condition does not list it, and the application starts all the same", async () => {
	const policy = await printPolicy("--on-demand", ...KEY_OPTIONS);
	const narrowed = JSON.parse(JSON.stringify(policy).replace(',"AWSPENDING","AWSPREVIOUS"', "")) as PolicyDocument;

	const outcomes = await operate(narrowed, { isOnDemand: true, shouldSet: false });

	expect(outcomes[0]).toBe("started");
	expect(outcomes[1]).toBe("failed");
	expect(aws.permissions.denials).toContain("secretsmanager:GetSecretValue");
});

it("another secret and another parameter are denied", async () => {
	const policy = await printPolicy("--on-demand", ...KEY_OPTIONS);
	aws.parameters.put("/shop/test/aws-secrets-manager/database/secret-id", "shop/other");

	const outcomes = await operate(policy, { isOnDemand: true, shouldSet: false });

	expect(outcomes).toEqual(["SecretUnavailableError"]);
	expect(aws.permissions.denials).toEqual(["secretsmanager:GetSecretValue", "secretsmanager:GetSecretValue"]);
});
