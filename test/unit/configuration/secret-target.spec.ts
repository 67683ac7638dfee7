/** When a secret says where the database is, and under which names. */
import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { completeSecretKeys, isTargetInSecret } from "../../../src/configuration/secret-target.js";

describe("completeSecretKeys", () => {
	it("has the names that Secrets Manager uses", () => {
		expect(completeSecretKeys()).toEqual({
			databaseName: "dbname",
			host: "host",
			password: "password",
			port: "port",
			type: "engine",
			username: "username",
		});
	});

	it("takes the names that are given, and no name that is undefined", () => {
		const keys = completeSecretKeys({ host: "hostname", ...({ port: undefined } as object) });

		expect([keys.host, keys.port, keys.type]).toEqual(["hostname", "port", "engine"]);
	});
});

describe("isTargetInSecret", () => {
	it.each<[boolean, Partial<ITypeOrmAwsConnectorConfig>]>([
		[true, { credentials: { shouldReadEndpointFromSecret: true, source: "secrets-manager" } }],
		[true, { credentials: { shouldReadEndpointFromSecret: true, source: "secrets-manager" }, password: "p", username: "u" }],
		[false, { credentials: { shouldReadEndpointFromSecret: false, source: "secrets-manager" } }],
		[false, { credentials: { source: "secrets-manager" } }],
		[false, { credentials: { source: "static" }, password: "p", username: "u" }],
		[false, { credentials: { source: "rds-iam" } }],
		[false, {}],
	])("is %p for %j", (doesSecretExist, config) => {
		expect(isTargetInSecret({ entities: [], ...config })).toBe(doesSecretExist);
	});
});
