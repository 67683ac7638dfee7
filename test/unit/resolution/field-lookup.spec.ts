/** Each segment of a lookup comes from the first place that names it. */
import { buildFieldLookup } from "../../../src/resolution/field-lookup.js";

const DEFAULTS = { application: "a-default", environment: "e-default", instanceName: "i-default", namespace: "n-default" };

describe("buildFieldLookup", () => {
	it("is the canonical lookup when nothing else is said", () => {
		expect(buildFieldLookup("host", { entities: [] })).toEqual({
			instanceName: "aurora-postgres",
			namespace: "aws-rds",
			path: ["host"],
		});
		expect(buildFieldLookup("poolSize", { entities: [] })).toEqual({ path: ["typeorm", "pool-size"] });
	});

	it("puts the connector's defaults behind the canonical segments", () => {
		expect(buildFieldLookup("host", { entities: [], ssmLookupDefaults: DEFAULTS })).toEqual({
			application: "a-default",
			environment: "e-default",
			instanceName: "aurora-postgres",
			namespace: "aws-rds",
			path: ["host"],
		});
	});

	it("puts the field's own segments before the canonical ones, each by itself", () => {
		const ssmLookups = { host: { instanceName: "other", path: ["writer", "host"] }, port: { path: ["other"] } };

		expect(buildFieldLookup("host", { entities: [], ssmLookupDefaults: DEFAULTS, ssmLookups })).toEqual({
			application: "a-default",
			environment: "e-default",
			instanceName: "other",
			namespace: "aws-rds",
			path: ["writer", "host"],
		});
	});

	it("takes only the lookup of that field", () => {
		const ssmLookups = { host: { application: "other", path: ["x"] } };

		expect(buildFieldLookup("rotationIsEnabled", { entities: [], ssmLookups })).toEqual({ path: ["typeorm", "rotation", "enabled"] });
	});

	it("lets a field leave every default behind", () => {
		const own = { application: "a", environment: "e", instanceName: "i", namespace: "n", path: ["p"] };

		expect(buildFieldLookup("secretId", { entities: [], ssmLookupDefaults: DEFAULTS, ssmLookups: { secretId: own } })).toEqual(own);
	});
});
