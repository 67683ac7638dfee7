/** The three providers work in a module of the user's own. */
import { GetParametersByPathCommand, SSMClient } from "@aws-sdk/client-ssm";
import { Test } from "@nestjs/testing";
import { mockClient } from "aws-sdk-client-mock";
import { OptionInvalidError } from "../../../src/errors/errors.js";
import type { IParameterStoreConfigProperties } from "../../../src/parameter-store/parameter-store.options.js";
import {
	ParameterStoreConfigParametersProvider,
	ParameterStoreConfigPropertiesProvider,
	ParameterStoreConfigSSMProvider,
} from "../../../src/parameter-store/parameter-store.providers.js";
import { ParameterStoreService } from "../../../src/parameter-store/parameter-store.service.js";
import {
	PARAMETER_STORE_CONFIG_PARAMETERS,
	PARAMETER_STORE_CONFIG_PROPERTIES,
	PARAMETER_STORE_SSM_CLIENT,
} from "../../../src/parameter-store/parameter-store.tokens.js";

const PROPERTIES = { application: " shop", environment: "test ", namespace: "postgres", instanceName: "main" };
const ssm = mockClient(SSMClient);

async function loadParameters(changes: Partial<IParameterStoreConfigProperties> = {}): Promise<unknown> {
	const testing = await Test.createTestingModule({
		providers: [
			ParameterStoreConfigPropertiesProvider({ ...PROPERTIES, config: { region: "eu-west-1" }, ...changes }),
			ParameterStoreConfigSSMProvider,
			ParameterStoreConfigParametersProvider,
			ParameterStoreService,
		],
	}).compile();
	expect(testing.get(PARAMETER_STORE_SSM_CLIENT)).toBeInstanceOf(SSMClient);
	const parameters: unknown = testing.get(PARAMETER_STORE_CONFIG_PARAMETERS);
	await testing.close();
	return parameters;
}

beforeEach(() => {
	ssm.reset();
	ssm.on(GetParametersByPathCommand).resolves({ Parameters: [{ Name: "/shop/test/a", Value: "1" }] });
});

describe("ParameterStoreConfigPropertiesProvider", () => {
	it("provides the properties as they are given", () => {
		expect(ParameterStoreConfigPropertiesProvider(PROPERTIES)).toEqual({
			provide: PARAMETER_STORE_CONFIG_PROPERTIES,
			useValue: PROPERTIES,
		});
	});

	it("refuses properties that cannot be used", () => {
		expect(() => ParameterStoreConfigPropertiesProvider({ ...PROPERTIES, application: "" })).toThrow(OptionInvalidError);
	});
});

describe("ParameterStoreConfigParametersProvider", () => {
	it("provides everything below the application in its environment, encrypted, as it was returned", async () => {
		await expect(loadParameters()).resolves.toEqual([{ Name: "/shop/test/a", Value: "1" }]);

		expect(ssm.call(0).args[0].input).toMatchObject({ Path: "/shop/test", Recursive: true, WithDecryption: false });
	});

	it("decrypts, and stays on the first level, when told to", async () => {
		await loadParameters({ shouldDecryptParameters: true, shouldUseRecursiveLoading: false });

		expect(ssm.call(0).args[0].input).toMatchObject({ Recursive: false, WithDecryption: true });
	});

	it("reads nothing when loading on demand", async () => {
		await expect(loadParameters({ shouldLoadOnDemand: true })).resolves.toEqual([]);

		expect(ssm.calls()).toHaveLength(0);
	});

	it("refuses properties that came from another provider and cannot be used", async () => {
		const building = Test.createTestingModule({
			providers: [
				{ provide: PARAMETER_STORE_CONFIG_PROPERTIES, useValue: { ...PROPERTIES, environment: "a/b" } },
				ParameterStoreConfigSSMProvider,
				ParameterStoreConfigParametersProvider,
				ParameterStoreService,
			],
		}).compile();

		await expect(building).rejects.toThrow('Option "environment" must not contain "/"');
	});
});
