/** Who is given which SecretsManagerService, made of which options. */
import { type DynamicModule, Global, Injectable, Module, type ModuleMetadata, type Type } from "@nestjs/common";
import { ConfigModule } from "@nestjs/config";
import { NestFactory } from "@nestjs/core";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import type { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { OptionInvalidError, ConnectorClosedError } from "../../../src/errors/errors.js";
import { getConnectorToken } from "../../../src/module/connector.tokens.js";
import { SecretsManagerModule } from "../../../src/module/secrets-manager.module.js";
import { TypeOrmAwsConnectorModule } from "../../../src/module/typeorm-aws-connector.module.js";
import type { SecretReader } from "../../../src/credentials/secrets-manager-credentials.js";
import type { ISecretsManagerOptionsFactory } from "../../../src/module/secrets-manager-module.options.js";
import type { ISecretsManagerOptions } from "../../../src/secrets/secrets-manager.options.js";
import { SecretsManagerService } from "../../../src/secrets/secrets-manager.service.js";

const IDENTITY = { accessKeyId: "a", secretAccessKey: "b" };

@Injectable()
class OptionsMaker implements ISecretsManagerOptionsFactory {
	createSecretsManagerOptions(): ISecretsManagerOptions {
		return { cacheTtlMs: 7 };
	}
}

@Module({ exports: [OptionsMaker], providers: [OptionsMaker] })
class OptionsModule {}

interface Application {
	close(): Promise<void>;
	get<Value>(token: Type<Value> | symbol | string): Value;
}

const applications: Application[] = [];

afterEach(async () => {
	for (const application of applications.splice(0)) await application.close();
});

async function boot(...imports: NonNullable<ModuleMetadata["imports"]>): Promise<Application> {
	class ApplicationModule {}
	Module({ imports })(ApplicationModule);
	const context = await NestFactory.createApplicationContext(ApplicationModule, { abortOnError: false, logger: false });
	applications.push(context);
	return { close: async () => context.close(), get: (token) => context.get(token as string, { strict: false }) };
}

/** A module that is given a service by injection, and keeps it. */
function defineConsumer(...imports: DynamicModule[]): { readonly module: Type; readonly seen: () => SecretsManagerService } {
	let seen: SecretsManagerService | undefined;
	class ConsumerModule {}
	const inject = [SecretsManagerService];
	Module({
		imports,
		providers: [{ inject, provide: Symbol("consumer"), useFactory: (service: SecretsManagerService) => (seen = service) }],
	})(ConsumerModule);
	return { module: ConsumerModule, seen: () => seen as SecretsManagerService };
}

function readTtlMs(service: SecretsManagerService): number {
	return (service as unknown as { readonly ttlMs: number }).ttlMs;
}

describe("SecretsManagerModule.register", () => {
	it("provides the service to every module, with five minutes where no option says otherwise", async () => {
		const consumer = defineConsumer();

		await boot(SecretsManagerModule.register(), consumer.module);

		expect(readTtlMs(consumer.seen())).toBe(300_000);
	});

	it("provides it to the importing module alone with isGlobal: false", async () => {
		const [importing, other] = [defineConsumer(SecretsManagerModule.register({ cacheTtlMs: 7, isGlobal: false })), defineConsumer()];

		await boot(importing.module);

		expect(readTtlMs(importing.seen())).toBe(7);
		await expect(boot(importing.module, other.module)).rejects.toThrow(/can't resolve dependencies/);
	});

	it("keeps registrations of the same text apart", async () => {
		const consumers = [1, 2].map((cacheTtlMs) =>
			defineConsumer(SecretsManagerModule.registerAsync({ isGlobal: false, useFactory: () => ({ cacheTtlMs }) })),
		);

		await boot(...consumers.map(({ module }) => module));

		expect(consumers.map(({ seen }) => readTtlMs(seen()))).toEqual([1, 2]);
	});

	it("fails the boot when the factory returns nothing", async () => {
		await expect(boot(SecretsManagerModule.registerAsync({ useFactory: () => undefined as never }))).rejects.toThrow(
			'Option "useFactory" returned undefined where the options were expected.',
		);
	});

	it("fails the boot when an option cannot be used", async () => {
		const typo = { cacheTtl: 5 } as ISecretsManagerOptions;

		await expect(boot(SecretsManagerModule.register(typo))).rejects.toThrow(OptionInvalidError);
	});
});

describe("SecretsManagerModule.registerAsync", () => {
	it.each([
		[
			"useFactory",
			{ imports: [OptionsModule], inject: [OptionsMaker], useFactory: (maker: OptionsMaker) => maker.createSecretsManagerOptions() },
		],
		["an asynchronous useFactory", { useFactory: async () => Promise.resolve({ cacheTtlMs: 7 }) }],
		["useClass", { useClass: OptionsMaker }],
		[
			"useFactory with extraProviders",
			{
				extraProviders: [OptionsMaker],
				inject: [OptionsMaker],
				useFactory: (maker: OptionsMaker) => maker.createSecretsManagerOptions(),
			},
		],
		["useExisting", { imports: [OptionsModule], useExisting: OptionsMaker }],
	])("takes the options from %s", async (_, options) => {
		const application = await boot(SecretsManagerModule.registerAsync(options));

		expect(readTtlMs(application.get(SecretsManagerService))).toBe(7);
	});

	it("refuses a registration without any of them", () => {
		expect(() => SecretsManagerModule.registerAsync({})).toThrow(OptionInvalidError);
	});
});

describe("the store behind the service", () => {
	const CONNECTOR: ITypeOrmAwsConnectorConfig = {
		databaseName: "app",
		entities: [],
		host: "127.0.0.1",
		port: 1,
		secretId: "app/database",
		type: "postgres",
	};

	function readStore(connector: TypeOrmAwsConnectorService): unknown {
		const { logins } = connector as unknown as { readonly logins: { readonly master: { readonly fetcher: SecretReader } } };
		return (logins.master.fetcher as unknown as { readonly store: unknown }).store;
	}

	it("is that of a connector which does not say how to reach AWS", async () => {
		const application = await boot(
			SecretsManagerModule.register({ aws: { credentials: IDENTITY, region: "eu-west-1" } }),
			TypeOrmAwsConnectorModule.register(CONNECTOR),
		);

		expect(readStore(application.get(getConnectorToken() as symbol))).toBe(application.get(SecretsManagerService).store);
	});

	it("is that of a connector which says the same, and not of one which says something else", async () => {
		const aws = { credentials: IDENTITY, region: "eu-west-1" };
		const application = await boot(
			TypeOrmAwsConnectorModule.register({ ...CONNECTOR, aws: { ...aws } }),
			TypeOrmAwsConnectorModule.register({ ...CONNECTOR, aws: { ...aws, region: "eu-west-2" }, dataSourceName: "other" }),
			SecretsManagerModule.register({ aws }),
		);
		const { store } = application.get(SecretsManagerService);

		expect(readStore(application.get(getConnectorToken() as symbol))).toBe(store);
		expect(readStore(application.get(getConnectorToken("other") as string))).not.toBe(store);
	});

	it("is that of two connectors which say the same, in an application without the module", async () => {
		const application = await boot(
			TypeOrmAwsConnectorModule.register(CONNECTOR),
			TypeOrmAwsConnectorModule.register({ ...CONNECTOR, dataSourceName: "other" }),
		);

		expect(readStore(application.get(getConnectorToken() as symbol))).toBe(
			readStore(application.get(getConnectorToken("other") as string)),
		);
	});

	it("is another in another application, and closes with its own", async () => {
		const first = await boot(SecretsManagerModule.register());
		const second = await boot(SecretsManagerModule.register());
		const [store, otherStore] = [first, second].map((application) => application.get(SecretsManagerService).store);

		await first.close();

		expect(store).not.toBe(otherStore);
		await expect(store?.fetch("app/key")).rejects.toBeInstanceOf(ConnectorClosedError);
		await expect(first.get(SecretsManagerService).get("app/key")).rejects.toBeInstanceOf(ConnectorClosedError);
		expect(otherStore?.entryCount).toBe(0);
	});

	it("asks ConfigService for the region, where the application has one", async () => {
		@Global()
		@Module({})
		class Nothing {}
		const plain = await boot(Nothing, SecretsManagerModule.register());
		const configured = await boot(
			ConfigModule.forRoot({ ignoreEnvFile: true, load: [() => ({ AWS_REGION: "eu-west-3" })] }),
			SecretsManagerModule.register(),
			TypeOrmAwsConnectorModule.register(CONNECTOR),
		);

		expect(readStore(configured.get(getConnectorToken() as symbol))).toBe(configured.get(SecretsManagerService).store);
		expect(plain.get(SecretsManagerService).store).not.toBe(configured.get(SecretsManagerService).store);
	});
});
