/** A name that goes to a server holds no control characters, wherever it comes from: behind a zero byte a server reads further fields of the login. */
import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { parseSecret, parseSecretTarget } from "../../../src/credentials/parse-secret.js";
import type { TypeOrmAwsConnectorError } from "../../../src/errors/connector.error.js";
import { ConfigurationError } from "../../../src/errors/errors.js";
import { resolveAccess, resolveSettings } from "../../../src/resolution/resolve-settings.js";
import { CANONICAL_PARAMETERS, StubParameterSource } from "../../support/stub-parameter-source.js";

const TAILS = ["\0options\0-c row_security=off", "\u001b[2J", "\r\nforged", "\u202etxet", "\u2028line"];
const PATHS = {
	databaseName: "/shop/test/api/main/postgres/database-name",
	host: "/shop/test/aws-rds/aurora-postgres/host",
	secretId: "/shop/test/aws-secrets-manager/database/secret-id",
};
const CONNECTION_PATH = "/shop/test/api/main/connection";
const CONNECTION = { ssmLookups: { connection: { path: ["connection"] } } } as const;
const REPLICA = { host: "replica.example.com", port: 5_432 };

type Given = Partial<ITypeOrmAwsConnectorConfig>;

function findProblems(config: Given, parameters: Readonly<Record<string, string>> = {}): readonly TypeOrmAwsConnectorError[] {
	const source = new StubParameterSource({ ...CANONICAL_PARAMETERS, ...parameters });
	try {
		resolveSettings({ entities: [], ...config }, source);
	} catch (error) {
		if (error instanceof ConfigurationError) return error.problems;
		throw error;
	}
	return [];
}

function describeConnection(values: object): Readonly<Record<string, string>> {
	const whole = { dbname: "shop", engine: "postgres", host: "db.example.com", password: "p", port: 5_432, username: "app" };
	return { [CONNECTION_PATH]: JSON.stringify({ ...whole, ...values }) };
}

/** Where a name can be given. */
const PLACES: Readonly<Record<string, (tail: string) => readonly TypeOrmAwsConnectorError[]>> = {
	"a database in a connection parameter": (tail) => findProblems(CONNECTION, describeConnection({ dbname: `shop${tail}x` })),
	"a database in a parameter": (tail) => findProblems({}, { [PATHS.databaseName]: `shop${tail}x` }),
	"a database in code": (tail) => findProblems({ databaseName: `shop${tail}x` }),
	"a host in a connection parameter": (tail) => findProblems(CONNECTION, describeConnection({ host: `db${tail}x` })),
	"a host in a parameter": (tail) => findProblems({}, { [PATHS.host]: `db${tail}x` }),
	"a host in code": (tail) => findProblems({ host: `db${tail}x` }),
	"a host of a replica": (tail) => findProblems({ replicas: [{ ...REPLICA, host: `db${tail}x` }] }),
	"a secret id in a parameter": (tail) => findProblems({}, { [PATHS.secretId]: `shop${tail}x` }),
	"a secret id in code": (tail) => findProblems({ secretId: `shop${tail}x` }),
	"a secret id of a replica": (tail) => findProblems({ replicas: [{ ...REPLICA, secretId: `shop${tail}x` }] }),
	"a user in a connection parameter": (tail) => findProblems(CONNECTION, describeConnection({ username: `app${tail}x` })),
	"a user in a parameter": (tail) =>
		findProblems(
			{ credentials: { source: "rds-iam" }, ssmLookups: { username: { path: ["user"] } } },
			{ "/shop/test/api/main/user": `app${tail}x` },
		),
	"a user in code": (tail) => findProblems({ username: `app${tail}x` }),
	"a user in code, with its password": (tail) => findProblems({ password: "p", username: `app${tail}x` }),
	"a user of a replica": (tail) => findProblems({ replicas: [{ ...REPLICA, password: "p", username: `app${tail}x` }] }),
};

describe.each(TAILS)("%j", (tail) => {
	it.each(Object.entries(PLACES))("is refused in %s, and not repeated", (_, find) => {
		const problems = find(tail);

		expect(problems).toHaveLength(1);
		expect(problems[0]?.message).not.toContain(tail.slice(1, 8));
		expect(problems[0]?.message).toMatch(
			/must not hold control characters|must be a host name|must be the name or the ARN of a secret|must be in the connection as/,
		);
	});

	it("is refused in the user that a secret names, and not repeated", () => {
		const parse = (): unknown => parseSecret(JSON.stringify({ password: "p", username: `app${tail}x` }), "app/database");

		expect(parse).toThrow(
			'Secret "app/database" holds a "username" of the wrong form. It must not hold control characters, or such that change the direction of a text.',
		);
		expect(parse).toThrow(expect.objectContaining({ code: "ERR_CONNECTOR_SECRET_MALFORMED", reason: "invalid-field" }));
	});

	it.each(["host", "dbname"])("is refused in what a secret says of the %s", (key) => {
		const config: ITypeOrmAwsConnectorConfig = {
			credentials: { shouldReadEndpointFromSecret: true, source: "secrets-manager" },
			entities: [],
			secretId: "app/database",
		};
		const target = parseSecretTarget(JSON.stringify({ [key]: `name${tail}x` }), "app/database");

		expect(() => resolveSettings(config, new StubParameterSource(), target)).toThrow(ConfigurationError);
	});
});

it("is no fault of a password", () => {
	expect(parseSecret(JSON.stringify({ password: "\u001b\u202e", username: "app" }), "s").password).toBe("\u001b\u202e");
	expect(findProblems({ password: "\u001b\u202e", username: "app" })).toEqual([]);
});

it("is refused for a login on its own, too", () => {
	expect(() => resolveAccess({ entities: [], password: "p", username: "app\0x" }, undefined)).toThrow(ConfigurationError);
});
