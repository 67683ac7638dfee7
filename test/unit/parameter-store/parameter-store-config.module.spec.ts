/** One registration serves the application; two registrations stay two. */
import { GetParametersByPathCommand, GetParametersCommand, SSMClient } from "@aws-sdk/client-ssm";
import { type DynamicModule, Inject, Injectable, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { Test } from "@nestjs/testing";
import { mockClient } from "aws-sdk-client-mock";
import { OptionInvalidError, ParameterNotLoadedError, ParameterStoreUnavailableError } from "../../../src/errors/errors.js";
import { ParameterStoreConfigModule } from "../../../src/parameter-store/parameter-store-config.module.js";
import { ParameterStoreConfigService } from "../../../src/parameter-store/parameter-store-config.service.js";
import type {
	IParameterStoreConfigProperties,
	IParameterStoreConfigPropertiesFactory,
} from "../../../src/parameter-store/parameter-store.options.js";
import { PARAMETER_STORE_CONFIG_PARAMETERS } from "../../../src/parameter-store/parameter-store.tokens.js";

const SEGMENTS = { application: "shop", environment: "test", namespace: "postgres", instanceName: "main" };
const PROPERTIES = { ...SEGMENTS, config: { region: "eu-west-1" } };
const HOST = { path: ["host"] };
const ssm = mockClient(SSMClient);

@Injectable()
class Settings {
	readonly application: string = "shop";
}

@Module({ exports: [Settings], providers: [Settings] })
class SettingsModule {}

@Injectable()
class PropertiesMaker implements IParameterStoreConfigPropertiesFactory {
	static madeCount = 0;

	constructor(@Inject(Settings) private readonly settings: Settings) {
		PropertiesMaker.madeCount += 1;
	}

	createOptions(): Promise<IParameterStoreConfigProperties> {
		return Promise.resolve({ ...PROPERTIES, application: this.settings.application });
	}
}

@Injectable()
class UnusableMaker implements IParameterStoreConfigPropertiesFactory {
	constructor() {
		throw new Error("No instance of this class is needed.");
	}

	createOptions(): IParameterStoreConfigProperties {
		return PROPERTIES;
	}
}

@Module({ exports: [PropertiesMaker], imports: [SettingsModule], providers: [PropertiesMaker] })
class PropertiesMakerModule {}

/** Every tree holds a host that is named after the tree. */
beforeEach(() => {
	ssm.reset();
	PropertiesMaker.madeCount = 0;
	ssm.on(GetParametersByPathCommand).callsFake(({ Path }: { Path: string }) => ({
		Parameters: [{ Name: `${Path}/postgres/main/host`, Type: "String", Value: `host of ${Path}` }],
	}));
});

async function readHost(registration: DynamicModule): Promise<string | null> {
	const testing = await Test.createTestingModule({ imports: [registration] }).compile();
	const host = testing.get(ParameterStoreConfigService, { strict: false }).get(HOST);
	await testing.close();
	return host;
}

describe("register", () => {
	it("reads the tree at start, so that get needs no promise", async () => {
		await expect(readHost(ParameterStoreConfigModule.register(PROPERTIES))).resolves.toBe("host of /shop/test");

		expect(ssm.calls()).toHaveLength(1);
	});

	it("names an option that cannot be used at once", () => {
		expect(() => ParameterStoreConfigModule.register({ ...PROPERTIES, instanceName: "a/b" })).toThrow(
			new OptionInvalidError("instanceName", 'must not contain "/"'),
		);
	});

	it("serves modules that do not import it, with the service and with the parameters", async () => {
		@Injectable()
		class Consumer {
			constructor(
				@Inject(ParameterStoreConfigService) readonly service: ParameterStoreConfigService,
				@Inject(PARAMETER_STORE_CONFIG_PARAMETERS) readonly parameters: readonly unknown[],
			) {}
		}
		@Module({ providers: [Consumer] })
		class FeatureModule {}
		const testing = await Test.createTestingModule({
			imports: [FeatureModule, ParameterStoreConfigModule.register(PROPERTIES)],
		}).compile();

		const { parameters, service } = testing.get(Consumer, { strict: false });
		await testing.close();

		expect(service.get(HOST)).toBe("host of /shop/test");
		expect(parameters).toHaveLength(1);
	});

	it("serves the importing module alone with isGlobal: false", async () => {
		@Injectable()
		class Consumer {
			constructor(@Inject(ParameterStoreConfigService) readonly service: ParameterStoreConfigService) {}
		}
		const scoped = ParameterStoreConfigModule.register({ ...PROPERTIES, isGlobal: false });
		@Module({ imports: [scoped], providers: [Consumer] })
		class ImportingModule {}
		@Module({ providers: [Consumer] })
		class OtherModule {}
		const testing = await Test.createTestingModule({ imports: [ImportingModule] }).compile();

		expect(testing.get(Consumer, { strict: false }).service.get(HOST)).toBe("host of /shop/test");
		await testing.close();
		await expect(Test.createTestingModule({ imports: [ImportingModule, OtherModule] }).compile()).rejects.toThrow(
			/can't resolve dependencies of the Consumer/,
		);
	});

	it("fails the start when the tree cannot be read", async () => {
		const fault = Object.assign(new Error("Not authorized"), { name: "AccessDeniedException", $metadata: { httpStatusCode: 400 } });
		ssm.on(GetParametersByPathCommand).rejects(fault);

		await expect(readHost(ParameterStoreConfigModule.register(PROPERTIES))).rejects.toBeInstanceOf(ParameterStoreUnavailableError);
	});

	it("reads nothing at start when told to load on demand, and then what is asked for", async () => {
		ssm.on(GetParametersCommand).resolves({ Parameters: [{ Name: "/shop/test/postgres/main/host", Type: "String", Value: "db" }] });
		const registration = ParameterStoreConfigModule.register({ ...PROPERTIES, shouldLoadOnDemand: true });
		const testing = await Test.createTestingModule({ imports: [registration] }).compile();
		const service = testing.get(ParameterStoreConfigService, { strict: false });
		const callCountAtStart = ssm.calls().length;

		expect(() => service.get(HOST)).toThrow(ParameterNotLoadedError);
		await expect(service.getMany([HOST])).resolves.toEqual(["db"]);
		expect(service.get(HOST)).toBe("db");
		expect(callCountAtStart).toBe(0);
		await testing.close();
	});

	it("destroys the client it made when the application closes", async () => {
		const destroy = jest.spyOn(SSMClient.prototype, "destroy");
		const testing = await Test.createTestingModule({ imports: [ParameterStoreConfigModule.register(PROPERTIES)] }).compile();
		await testing.init();
		const callCountBefore = destroy.mock.calls.length;

		await testing.close();

		expect(callCountBefore).toBe(0);
		expect(destroy).toHaveBeenCalledTimes(1);
	});

	it("uses a ready-made client and never destroys it", async () => {
		const client = new SSMClient({ region: "eu-west-1" });
		const destroy = jest.spyOn(client, "destroy");

		await readHost(ParameterStoreConfigModule.register({ ...SEGMENTS, client }));

		expect(ssm.call(0).thisValue).toBe(client);
		expect(destroy).not.toHaveBeenCalled();
	});
});

describe("registerAsync", () => {
	it("takes the properties from a factory and what it is given", async () => {
		const registration = ParameterStoreConfigModule.registerAsync({
			imports: [SettingsModule],
			inject: [Settings],
			useFactory: async (settings: Settings) => ({ ...PROPERTIES, application: settings.application }),
		});

		await expect(readHost(registration)).resolves.toBe("host of /shop/test");
	});

	it("takes a factory without dependencies", async () => {
		const registration = ParameterStoreConfigModule.registerAsync({ useFactory: () => PROPERTIES });

		await expect(readHost(registration)).resolves.toBe("host of /shop/test");
	});

	it("makes an instance of a class", async () => {
		const registration = ParameterStoreConfigModule.registerAsync({ imports: [SettingsModule], useClass: PropertiesMaker });

		await expect(readHost(registration)).resolves.toBe("host of /shop/test");
		expect(PropertiesMaker.madeCount).toBe(1);
	});

	it.each([
		["alone", {}],
		["beside a class to make one of", { useClass: UnusableMaker }],
	])("uses the instance that another module has, %s", async (_, beside) => {
		const registration = ParameterStoreConfigModule.registerAsync({
			imports: [PropertiesMakerModule, SettingsModule],
			useExisting: PropertiesMaker,
			...beside,
		});

		await expect(readHost(registration)).resolves.toBe("host of /shop/test");
		expect(PropertiesMaker.madeCount).toBe(1);
	});

	it("looks at the factory first", async () => {
		const registration = ParameterStoreConfigModule.registerAsync({ useClass: PropertiesMaker, useFactory: () => PROPERTIES });

		await expect(readHost(registration)).resolves.toBe("host of /shop/test");
		expect(PropertiesMaker.madeCount).toBe(0);
	});

	it("refuses a registration that says nothing", () => {
		expect(() => ParameterStoreConfigModule.registerAsync({})).toThrow('Option "useFactory" is missing');
	});

	it.each([
		["cannot be used", { ...PROPERTIES, application: "a/b" }, 'must not contain "/"'],
		["lack one", { ...PROPERTIES, application: undefined }, "is missing"],
	])("fails the start when the properties %s, naming the option", async (_, properties, reason) => {
		const registration = ParameterStoreConfigModule.registerAsync({ useFactory: () => properties as IParameterStoreConfigProperties });

		await expect(readHost(registration)).rejects.toThrow(`Option "application" ${reason}`);
		expect(ssm.calls()).toHaveLength(0);
	});

	it("provides what a class needs from extraProviders", async () => {
		const registration = ParameterStoreConfigModule.registerAsync({ extraProviders: [Settings], useClass: PropertiesMaker });

		await expect(readHost(registration)).resolves.toBe("host of /shop/test");
	});

	it("fails the start when the factory returns nothing", async () => {
		const registration = ParameterStoreConfigModule.registerAsync({ useFactory: () => undefined as never });

		await expect(readHost(registration)).rejects.toThrow('Option "useFactory" returned undefined where the options were expected.');
	});
});

describe("two registrations made by one function", () => {
	function registerFor(application: string): DynamicModule {
		return ParameterStoreConfigModule.registerAsync({ useFactory: () => ({ ...PROPERTIES, application }) });
	}

	// Nest 8 to 10 know only "deep-hash"; there, registrations of the same text are one.
	it.each(["deep-hash", "reference"] as const)("stay two when Nest tells modules apart by %s", async (moduleIdGeneratorAlgorithm) => {
		@Injectable()
		class Consumer {
			constructor(@Inject(ParameterStoreConfigService) readonly service: ParameterStoreConfigService) {}
		}
		@Module({ imports: [registerFor("shop")], providers: [{ provide: "SHOP", useClass: Consumer }] })
		class ShopModule {}
		@Module({ imports: [registerFor("blog")], providers: [{ provide: "BLOG", useClass: Consumer }] })
		class BlogModule {}
		@Module({ imports: [ShopModule, BlogModule] })
		class AppModule {}

		const application = await NestFactory.createApplicationContext(AppModule, { logger: false, moduleIdGeneratorAlgorithm });
		const hosts = ["SHOP", "BLOG"].map((token) => application.get<Consumer>(token, { strict: false }).service.get(HOST));
		await application.close();

		expect(hosts).toEqual(["host of /shop/test", "host of /blog/test"]);
	});
});
