/** Wrong properties are refused by name before anything is read. */
import type { SSMClient } from "@aws-sdk/client-ssm";
import { OptionInvalidError } from "../../../src/errors/errors.js";
import type { IParameterStoreConfigProperties } from "../../../src/parameter-store/parameter-store.options.js";
import { validateProperties } from "../../../src/parameter-store/validate-properties.js";

const PROPERTIES = { application: "shop", environment: "production", namespace: "postgres", instanceName: "main" };

function validating(changes: Record<string, unknown>): () => unknown {
	return () => validateProperties({ ...PROPERTIES, ...changes });
}

describe("validateProperties", () => {
	it("returns the four segments, trimmed, and nothing else", () => {
		const properties = { ...PROPERTIES, application: " shop\n", isVerbose: true };

		expect(validateProperties(properties)).toEqual(PROPERTIES);
	});

	describe.each(["application", "environment", "namespace", "instanceName"])("%s", (segment) => {
		it.each([
			["absent", undefined, "is missing"],
			["null", null, "is missing"],
			["empty", "  ", "must not be empty"],
			["not text", 7, "must be text"],
			["with a slash", "/shop", 'must not contain "/"'],
		])("is named when it is %s", (_, value, reason) => {
			const validate = validating({ [segment]: value });

			expect(validate).toThrow(OptionInvalidError);
			expect(validate).toThrow(`Option "${segment}" ${reason}`);
		});
	});

	it.each([undefined, null])("names the first option when a factory returns %s", (nothing) => {
		expect(() => validateProperties(nothing as unknown as IParameterStoreConfigProperties)).toThrow('Option "application" is missing');
	});

	it.each([
		["decrypt", 'is unknown; the nearest known one is "shouldDecryptParameters"'],
		["chacheTtlMs", 'is unknown; the nearest known one is "cacheTtlMs"'],
		["instance", 'is unknown; the nearest known one is "instanceName"'],
		["region", 'is unknown; the known ones are "application", "cacheTtlMs", "client"'],
		["isGlobal", "belongs beside the factory or class that makes the properties"],
	])("refuses the unknown option %s", (name, reason) => {
		expect(validating({ [name]: true })).toThrow(`Option "${name}" ${reason}`);
	});

	describe.each(["isVerbose", "shouldDecryptParameters", "shouldLoadOnDemand", "shouldUseRecursiveLoading"])("%s", (flag) => {
		it.each([true, false, undefined])("may be %s", (value) => {
			expect(validating({ [flag]: value })).not.toThrow();
		});

		it.each(["false", 1, null])("may not be %p", (value) => {
			expect(validating({ [flag]: value })).toThrow(new OptionInvalidError(flag, "must be true or false"));
		});
	});

	it.each([1, 0.5e3, undefined])("accepts %p as cacheTtlMs", (cacheTtlMs) => {
		expect(validating({ cacheTtlMs })).not.toThrow();
	});

	it.each([0, -1, "1000", NaN, Infinity, null])("refuses %p as cacheTtlMs", (cacheTtlMs) => {
		expect(validating({ cacheTtlMs })).toThrow(new OptionInvalidError("cacheTtlMs", "must be a number of milliseconds, 1 or more"));
	});

	it("accepts whatever can send as a client", () => {
		const client = { send: () => undefined } as unknown as SSMClient;

		expect(validating({ client })).not.toThrow();
	});

	it.each([null, {}, "client"])("refuses %p as a client", (client) => {
		expect(validating({ client })).toThrow(new OptionInvalidError("client", "must be an SSMClient"));
	});

	it("refuses a configuration beside a ready-made client", () => {
		const client = { send: () => undefined };

		expect(validating({ client, config: {} })).toThrow('Option "client" cannot be combined with "config"');
	});

	it("never shows the configuration, which may hold an identity", () => {
		const config = { credentials: { accessKeyId: "AKIA", secretAccessKey: "canary" } };

		expect(validating({ client: {}, config })).not.toThrow("canary");
		expect(validating({ client: {}, config })).toThrow(OptionInvalidError);
	});
});
