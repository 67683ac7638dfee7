/** What is in a SecureString may be a password at the wrong place: no fault repeats it, however short it is. */
import type { FieldName } from "../../../src/configuration/connector-fields.js";
import { ConfigurationError } from "../../../src/errors/errors.js";
import type { ParameterReader } from "../../../src/resolution/read-parameter.js";
import { resolveSettings } from "../../../src/resolution/resolve-settings.js";
import { CANONICAL_PARAMETERS, StubParameterSource } from "../../support/stub-parameter-source.js";

const PLACES: Readonly<Partial<Record<FieldName, string>>> = {
	connectionTimeoutMs: "/shop/test/api/main/typeorm/connection-timeout-ms",
	databaseName: "/shop/test/api/main/postgres/database-name",
	host: "/shop/test/aws-rds/aurora-postgres/host",
	idleTimeoutMs: "/shop/test/api/main/typeorm/idle-timeout-ms",
	isVerbose: "/shop/test/api/main/typeorm/logging",
	poolSize: "/shop/test/api/main/typeorm/pool-size",
	port: "/shop/test/aws-rds/aurora-postgres/port",
	relationLoadStrategy: "/shop/test/api/main/typeorm/relation-load-strategy",
	rotationIntervalMs: "/shop/test/api/main/typeorm/rotation/interval-ms",
	rotationIsEnabled: "/shop/test/api/main/typeorm/rotation/enabled",
	secretId: "/shop/test/aws-secrets-manager/database/secret-id",
	shouldSynchronize: "/shop/test/api/main/typeorm/synchronize",
	type: "/shop/test/api/main/postgres/type",
};
const PARSED = Object.entries(PLACES).filter(([name]) => !["databaseName", "host", "secretId"].includes(name));

/** Answers as Parameter Store does, with SecureStrings at some places. */
function createReader(secure: Readonly<Record<string, string>>, isEncrypted = false): ParameterReader {
	const source = new StubParameterSource({ ...CANONICAL_PARAMETERS, ...secure });
	return {
		describePath: (lookup) => source.describePath(lookup as never),
		get: (lookup) => source.get(lookup as never),
		read: (lookup) => {
			const text = source.get(lookup as never);
			const isSecure = Object.hasOwn(secure, source.describePath(lookup as never));
			const type = isSecure ? "SecureString" : "String";
			return text === null ? null : { isEncrypted: isSecure && isEncrypted, text, type, version: 1 };
		},
	};
}

function fail(reader: ParameterReader): ConfigurationError {
	try {
		resolveSettings({ entities: [] }, reader);
	} catch (error) {
		if (error instanceof ConfigurationError) return error;
		throw error;
	}
	throw new Error("The settings were accepted.");
}

describe.each(["hunter2", "pw", "48151623421", "x".repeat(40)])("%j", (password) => {
	it.each(PARSED)("is not repeated at the place of %s", (_, path) => {
		const { message, problems } = fail(createReader({ [path]: password }));

		expect(problems).toHaveLength(1);
		expect(message).toContain("not what is in the SecureString");
		expect(message.replaceAll(path, "")).not.toContain(password);
	});
});

it("a String at the same place is repeated where it is short", () => {
	expect(() =>
		resolveSettings({ entities: [] }, new StubParameterSource({ ...CANONICAL_PARAMETERS, [String(PLACES.port)]: "70000" })),
	).toThrow('"port" must be an integer from 1 to 65535, not "70000"');
});

it.each(Object.entries(PLACES))("a SecureString that was not decrypted is named as such at the place of %s", (_, path) => {
	const { message, problems } = fail(createReader({ [path]: "AQICAHhciphertext" }, true));

	expect(problems).toHaveLength(1);
	expect(message).toContain("is a SecureString that was not decrypted (shouldDecryptParameters: true decrypts it)");
	expect(message).not.toContain("AQICAHhciphertext");
});

it("usable values of SecureStrings are warned of by the names of their fields", () => {
	const secure = { [String(PLACES.host)]: "db.shop.internal", [String(PLACES.databaseName)]: "hunter2" };

	const { warnings } = resolveSettings({ entities: [] }, createReader(secure));
	const none = resolveSettings({ entities: [] }, createReader({}));

	expect(warnings).toEqual([
		expect.stringMatching(/^"host", "databaseName" are read from a SecureString\. Errors of drivers and of AWS may repeat them/),
	]);
	expect(warnings.join()).not.toMatch(/hunter2|shop\.internal/);
	expect(none.warnings).toEqual([]);
});

describe("a value of many bytes", () => {
	function resolveWith(databaseName: string): unknown {
		return resolveSettings(
			{ entities: [] },
			new StubParameterSource({ ...CANONICAL_PARAMETERS, [String(PLACES.databaseName)]: databaseName }),
		);
	}

	it("is read up to the limit", () => {
		expect(() => resolveWith("é".repeat(32_768))).not.toThrow();
	});

	it("is refused beyond it, and not repeated", () => {
		expect(() => resolveWith(`${"é".repeat(32_768)}x`)).toThrow(
			/"databaseName" is longer than the 65,536 bytes that a parameter can have at "[^"é]+"/,
		);
	});
});
