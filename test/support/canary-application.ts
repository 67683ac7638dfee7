/** An application in which every secret is marked: passwords, parameters, and the identity it has at AWS. */
import { type INestApplicationContext, Module, type ModuleMetadata } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { TypeOrmModule } from "@nestjs/typeorm";
import { DataSource, type DataSourceOptions } from "typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../../src/configuration/connector.options.js";
import { readOrigin } from "../../src/connector/options-origin.js";
import { TypeOrmAwsConnectorService } from "../../src/connector/typeorm-aws-connector.service.js";
import type { ConnectorEvent } from "../../src/events/connector-event.js";
import { TypeOrmAwsConnectorModule } from "../../src/module/typeorm-aws-connector.module.js";
import { ParameterStoreConfigModule } from "../../src/parameter-store/parameter-store-config.module.js";
import { ParameterStoreConfigService } from "../../src/parameter-store/parameter-store-config.service.js";
import { ParameterStoreService } from "../../src/parameter-store/parameter-store.service.js";
import { RotatorService } from "../../src/rotation/rotator.service.js";
import { endLater } from "./endings.js";
import { recordOutput } from "./output-recorder.js";
import { createSceneDatabase, type SceneDatabase, type SceneServers } from "./rotating-database.js";
import { type Finding, findSecrets, findSecretsInText, makeCanary } from "./secret-search.js";
import type { TypeOrmVersion } from "./typeorm-versions.js";

/** What differs from run to run. */
export interface CanaryOptions {
	readonly config?: Partial<ITypeOrmAwsConnectorConfig>;
	/** Called before the application boots. */
	readonly prepare?: (database: SceneDatabase) => Promise<void> | void;
	/** Whether SecureStrings are decrypted. Default `true`. */
	readonly shouldDecrypt?: boolean;
	readonly version: TypeOrmVersion;
}

/** A running application. */
export interface CanaryApplication {
	readonly application: INestApplicationContext;
	/** Runs something and keeps what comes of it; resolves to the result or the error. */
	attempt(task: () => Promise<unknown>): Promise<unknown>;
	readonly connector: TypeOrmAwsConnectorService;
	readonly dataSource: DataSource;
	readonly database: SceneDatabase;
	readonly events: readonly ConnectorEvent[];
	/** Looks for a secret in every line, event, result and error there was, and in every object of the library. */
	findLeaks(): Finding[];
	readonly lines: readonly string[];
	/** Gives the user of the application another password in the database, and returns it. */
	changeDatabase(): Promise<string>;
	/** Puts a login with this password into the secret. */
	changeSecret(password: string, stage?: string): void;
	readonly rotator: RotatorService;
	/** Closes it. May be called again. */
	stop(): Promise<void>;
	readonly username: string;
}

const SEGMENTS = { application: "app", environment: "test", instanceName: "main", namespace: "api" };

/** Boots one, on a database of its own. */
export async function startCanaryApplication(
	servers: SceneServers,
	{ config, prepare, shouldDecrypt = true, version }: CanaryOptions,
): Promise<CanaryApplication> {
	const database = await createSceneDatabase(servers);
	const [username] = database.users;
	const changeSecret = (password: string, stage = "AWSCURRENT"): void =>
		void servers.aws.secrets.put(database.secretId, { password, username }, { stages: [stage] });
	const changeDatabase = async (): Promise<string> => {
		const password = makeCanary("password");
		await servers.server.setPassword(username, password);
		return password;
	};
	changeSecret(await changeDatabase());
	servers.aws.parameters.put("/app/test/api/main/token", makeCanary("parameter"), "SecureString");
	await prepare?.(database);

	const output = recordOutput();
	const application = await NestFactory.createApplicationContext(
		defineModule(database, { ...config }, servers.aws.url, { shouldDecrypt, version }),
		{
			abortOnError: false,
			logger: output.logger,
		},
	).catch((error: unknown) => {
		output.stop();
		throw new StartFailure(error as Error, output.lines);
	});
	const get = <Provider>(token: new (...parts: never[]) => Provider): Provider => application.get(token, { strict: false });
	const [connector, rotator, dataSource] = [get(TypeOrmAwsConnectorService), get(RotatorService), get(DataSource)];
	const events: ConnectorEvent[] = [];
	rotator.events$.subscribe((event) => events.push(event));
	const outcomes: unknown[] = [];

	return {
		application,
		attempt: async (task) => {
			const outcome = await task().catch((error: unknown) => error);
			outcomes.push(outcome);
			return outcome;
		},
		changeDatabase,
		changeSecret,
		connector,
		dataSource,
		database,
		events,
		findLeaks: () => [
			...output.lines.flatMap((line) => findSecretsInText("output", line)),
			...[
				...outcomes,
				...events,
				connector,
				rotator,
				rotator.describe(),
				get(ParameterStoreConfigService),
				get(ParameterStoreService),
				get(TypeOrmAwsConnectorModule),
				get(ParameterStoreConfigModule),
				readOrigin(dataSource.options),
			].flatMap((value) => findSecrets(value)),
		],
		lines: output.lines,
		rotator,
		stop: endLater(async () => {
			await application.close();
			output.stop();
			servers.aws.faults.clear();
		}),
		username,
	};
}

/** What there is to see of an application that did not start. */
export class StartFailure extends Error {
	constructor(
		readonly error: Error,
		readonly lines: readonly string[],
	) {
		super("The application did not start", { cause: error });
	}
}

/** Boots one that does not start. */
export async function failToStart(servers: SceneServers, options: CanaryOptions): Promise<StartFailure> {
	try {
		await (await startCanaryApplication(servers, options)).stop();
	} catch (failure) {
		if (failure instanceof StartFailure) return failure;
		throw failure;
	} finally {
		servers.aws.faults.clear();
	}
	throw new Error("The application was expected not to start");
}

function defineModule(
	database: SceneDatabase,
	config: Partial<ITypeOrmAwsConnectorConfig>,
	endpoint: string,
	{ shouldDecrypt, version }: Required<Pick<CanaryOptions, "shouldDecrypt" | "version">>,
): new () => object {
	const aws = {
		credentials: {
			accessKeyId: makeCanary("access-key-id"),
			secretAccessKey: makeCanary("secret-access-key"),
			sessionToken: makeCanary("session-token"),
		},
		endpoint,
		region: "eu-west-1",
	};
	const imports: NonNullable<ModuleMetadata["imports"]> = [
		ParameterStoreConfigModule.register({ ...SEGMENTS, config: aws, isVerbose: true, shouldDecryptParameters: shouldDecrypt }),
		TypeOrmAwsConnectorModule.register({
			...database.config,
			aws,
			isVerbose: true,
			rotation: { intervalMs: 2_592_000_000, isEnabled: true },
			...config,
		}),
		TypeOrmModule.forRootAsync({
			dataSourceFactory: async (served) => new (version.load().DataSource)(served as DataSourceOptions).initialize(),
			inject: [TypeOrmAwsConnectorService],
			useFactory: async (connector: TypeOrmAwsConnectorService) => ({ ...(await connector.getTypeOrmOptions()), retryAttempts: 0 }),
		}),
	];
	class ApplicationModule {}
	Module({ imports })(ApplicationModule);
	return ApplicationModule;
}
