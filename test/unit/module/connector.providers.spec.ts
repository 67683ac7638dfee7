/** The one list of providers, and the two public functions beside it. */
import type { FactoryProvider, Provider, ValueProvider } from "@nestjs/common";

import { DATABASE_CONFIG_PROVIDER } from "../../../src/configuration/connector.constants.js";
import type { ITypeOrmAwsConnectorConfigFactory } from "../../../src/configuration/connector.options.js";
import { ConfigurationError, OptionInvalidError } from "../../../src/errors/errors.js";
import type * as ConnectorProviders from "../../../src/module/connector.providers.js";
import {
	createConnectorProviders,
	createDatabaseConfigProvider,
	toTypeOrmAwsConnectorConfig,
} from "../../../src/module/connector.providers.js";
import { ROTATION_INTERVAL_NAME } from "../../../src/module/connector.tokens.js";

const CONFIG = { entities: [], host: "127.0.0.1" };

class ConfigMaker implements ITypeOrmAwsConnectorConfigFactory {
	createTypeOrmAwsConnectorConfig(): typeof CONFIG {
		return CONFIG;
	}
}

class OtherMaker extends ConfigMaker {}

function readInterval(providers: readonly Provider[]): number {
	const provider = providers.find(
		(candidate) => (candidate as ValueProvider).provide === ROTATION_INTERVAL_NAME,
	) as ValueProvider<string>;
	return Number(/^db-rotation:(\d+)$/.exec(provider.useValue)?.[1]);
}

describe("createConnectorProviders", () => {
	it("numbers the interval by the registrations in the process", () => {
		const first = readInterval(createConnectorProviders({ useFactory: () => CONFIG }));
		const second = readInterval(createConnectorProviders({ useFactory: () => CONFIG }));

		expect(second).toBe(first + 1);
	});

	it("goes on counting in another copy of the library, as one registry lists the intervals of both", () => {
		const first = readInterval(createConnectorProviders({ useFactory: () => CONFIG }));
		let copy: unknown;
		jest.isolateModules(() => (copy = jest.requireActual("../../../src/module/connector.providers.js")));
		const { createConnectorProviders: createInCopy } = copy as typeof ConnectorProviders;

		const providers = createInCopy({ useFactory: () => CONFIG });

		const { useValue } = providers.find((provider) =>
			/^db-rotation:/.test(String((provider as ValueProvider).useValue)),
		) as ValueProvider<string>;
		expect(useValue).toBe(`db-rotation:${String(first + 1)}`);
	});

	it.each([
		["useClass", { useClass: ConfigMaker }, true],
		["useClass beside useExisting", { useClass: ConfigMaker, useExisting: OtherMaker }, false],
		["useClass beside useFactory", { useClass: ConfigMaker, useFactory: () => CONFIG }, false],
		["useExisting", { useExisting: ConfigMaker }, false],
	])("with %s provides the class itself: %p", (_label, options, isProvided) => {
		expect(createConnectorProviders(options).includes(ConfigMaker)).toBe(isProvided);
	});
});

describe("createDatabaseConfigProvider", () => {
	it("asks the factory for the configuration, with what was injected", async () => {
		const provider = createDatabaseConfigProvider({
			inject: ["HOST"],
			useFactory: async (host: string) => ({ entities: [], host }),
		}) as FactoryProvider;

		const config: unknown = await provider.useFactory("db.example");

		expect(provider).toMatchObject({ inject: ["HOST"], provide: DATABASE_CONFIG_PROVIDER });
		expect(config).toEqual({ entities: [], host: "db.example" });
	});

	it.each([
		["the class", { useClass: ConfigMaker }, ConfigMaker],
		["the existing provider", { useExisting: ConfigMaker }, ConfigMaker],
		["the existing provider rather than the class", { useClass: OtherMaker, useExisting: ConfigMaker }, ConfigMaker],
	])("asks %s for the configuration", async (_label, options, maker) => {
		const provider = createDatabaseConfigProvider(options) as FactoryProvider;

		const config: unknown = await provider.useFactory(new ConfigMaker());

		expect(provider.inject).toEqual([maker]);
		expect(config).toBe(CONFIG);
	});

	it("prefers the factory to the class and to the existing provider", () => {
		const provider = createDatabaseConfigProvider({ useClass: ConfigMaker, useExisting: OtherMaker, useFactory: () => CONFIG });

		expect(provider).toMatchObject({ inject: [] });
	});

	it("refuses to register without any of them", () => {
		expect(() => createDatabaseConfigProvider({ inject: ["HOST"] })).toThrow(OptionInvalidError);
	});

	it("rejects a configuration that is invalid, all faults at once", async () => {
		const provider = createDatabaseConfigProvider({ useFactory: () => ({ hots: "db.example" }) as never }) as FactoryProvider;

		const made = provider.useFactory() as Promise<unknown>;

		await expect(made).rejects.toThrow(ConfigurationError);
		await expect(made).rejects.toThrow(/"hots"[^]*"entities"|"entities"[^]*"hots"/);
	});
});

describe("toTypeOrmAwsConnectorConfig", () => {
	it("takes away the two tokens and nothing else", () => {
		const options = { ...CONFIG, dataSourceToken: "ordersDataSource", parameterStoreToken: "STORE" };

		expect(toTypeOrmAwsConnectorConfig(options)).toStrictEqual(CONFIG);
	});

	it("leaves the options of the user as they are", () => {
		const options = Object.freeze({ ...CONFIG, dataSourceToken: "ordersDataSource" });

		toTypeOrmAwsConnectorConfig(options);

		expect(options.dataSourceToken).toBe("ordersDataSource");
	});
});
