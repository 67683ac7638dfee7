/** An IAM login has no password and no secret, needs TLS, and on RDS a user. */
import { inspect } from "node:util";

import { checkIam } from "../../../src/configuration/check-iam.js";
import { validateConfig } from "../../../src/configuration/normalize-config.js";

const RDS = { credentials: { source: "rds-iam" }, username: "app" } as const;
const DSQL = { credentials: { source: "dsql-iam" } } as const;

describe("checkIam", () => {
	it.each([
		[RDS],
		[DSQL],
		[{ ...DSQL, type: "postgres", username: "app" }],
		[{ ...RDS, tls: true, type: "mysql", typeOrmOptions: { ssl: { ca: "…", verifyIdentity: true } } }],
		[{ ...RDS, type: "postgres", typeOrmOptions: { extra: { ssl: { ca: "…" } }, ssl: true } }],
		[{ ...RDS, typeOrmOptions: { extra: { ssl: undefined }, ssl: undefined } }],
		[{ ...RDS, replicas: [{ host: "h", port: 1, ssmLookups: { port: { path: ["p"] } } }, "h"] }],
		[{ password: "p", replicas: [{ host: "h", secretId: "s" }], tls: false, username: "u" }],
		[{ credentials: "rds-iam", password: "p" }],
	])("has nothing against %j", (config) => {
		expect(checkIam(config)).toEqual([]);
	});

	it.each<[Readonly<Record<string, unknown>>, string, string]>([
		[{ ...RDS, password: "p" }, "password", 'has no meaning with credentials.source "rds-iam"'],
		[{ ...RDS, secretId: "s" }, "secretId", 'has no meaning with credentials.source "rds-iam"'],
		[{ ...RDS, tls: false }, "tls", 'may not be false with credentials.source "rds-iam"'],
		[{ ...RDS, typeOrmOptions: { ssl: false } }, "typeOrmOptions.ssl", 'may not be false with credentials.source "rds-iam"'],
		...[null, 0, "", Number.NaN].map((ssl): [Readonly<Record<string, unknown>>, string, string] => [
			{ ...RDS, typeOrmOptions: { ssl } },
			"typeOrmOptions.ssl",
			`may not be ${inspect(ssl)} with credentials.source "rds-iam"`,
		]),
		[
			{ ...DSQL, typeOrmOptions: { extra: { ssl: null } } },
			"typeOrmOptions.extra.ssl",
			'may not be null with credentials.source "dsql-iam"',
		],
		[
			{ ...RDS, typeOrmOptions: { extra: { ssl: false } } },
			"typeOrmOptions.extra.ssl",
			'may not be false with credentials.source "rds-iam"',
		],
		[{ ...RDS, tls: { rejectUnauthorized: false } }, "tls.rejectUnauthorized", 'may not be false with credentials.source "rds-iam"'],
		[
			{ ...RDS, typeOrmOptions: { ssl: { rejectUnauthorized: false } } },
			"typeOrmOptions.ssl.rejectUnauthorized",
			'may not be false with credentials.source "rds-iam"',
		],
		[
			{ ...DSQL, typeOrmOptions: { extra: { ssl: { rejectUnauthorized: false } } } },
			"typeOrmOptions.extra.ssl.rejectUnauthorized",
			'may not be false with credentials.source "dsql-iam"',
		],
		[
			{ ...RDS, typeOrmOptions: { ssl: "no-verify" } },
			"typeOrmOptions.ssl",
			'may not be "no-verify" with credentials.source "rds-iam"',
		],
		...["Amazon RDS", { ca: "…" }, { verifyIdentity: false }, true].map((ssl): [Readonly<Record<string, unknown>>, string, string] => [
			{ ...RDS, type: "mariadb", typeOrmOptions: { ssl } },
			"typeOrmOptions.ssl.verifyIdentity",
			'must be true with credentials.source "rds-iam"',
		]),
		[{ ...RDS, type: "cockroachdb" }, "type", 'may not be "cockroachdb" with credentials.source "rds-iam"'],
		[{ ...RDS, username: undefined }, "username", 'is needed with credentials.source "rds-iam": the user whom IAM lets log in'],
		[{ ...DSQL, type: "mysql" }, "type", 'must be "postgres" with credentials.source "dsql-iam"'],
		[
			{ ...RDS, replicas: [{ host: "h" }, { host: "h", password: "p" }] },
			"replicas[1].password",
			'has no meaning with credentials.source "rds-iam"',
		],
		[{ ...RDS, replicas: [{ host: "h", secretId: "s" }] }, "replicas[0].secretId", 'has no meaning with credentials.source "rds-iam"'],
		[{ ...RDS, replicas: [{ host: "h", username: "u" }] }, "replicas[0].username", 'has no meaning with credentials.source "rds-iam"'],
		[
			{ ...DSQL, replicas: [{ host: "h", ssmLookups: { secretId: { path: ["p"] } } }] },
			"replicas[0].ssmLookups.secretId",
			'has no meaning with credentials.source "dsql-iam"',
		],
	])("refuses %j", (config, option, fault) => {
		expect(checkIam(config)).toMatchObject([{ message: `Option "${option}" ${fault}.`, option }]);
	});
});

describe("validateConfig", () => {
	const validate = (config: object): void => validateConfig({ entities: [], ...config });

	it.each([
		{ ...RDS, credentials: { region: "eu-west-1", source: "rds-iam" } },
		{ credentials: { region: "eu-west-1", source: "dsql-iam", tokenDurationSecs: 604_800 } },
		{ credentials: { source: "dsql-iam", tokenDurationSecs: 1 } },
	])("takes %j", (config) => {
		expect(() => validate(config)).not.toThrow();
	});

	it.each([
		[{ ...RDS, password: "p" }, '"password" has no meaning'],
		[
			{ credentials: { source: "dsql-iam", tokenDurationSecs: 0 } },
			'"credentials.tokenDurationSecs" must be an integer from 1 to 604800',
		],
		[{ credentials: { source: "dsql-iam", tokenDurationSecs: 604_801 } }, '"credentials.tokenDurationSecs"'],
		[{ credentials: { source: "dsql-iam", tokenDurationSecs: 1.5 } }, '"credentials.tokenDurationSecs"'],
		[{ credentials: { region: " ", source: "dsql-iam" } }, '"credentials.region" must be the name of a region'],
		[{ ...RDS, credentials: { region: 1, source: "rds-iam" } }, '"credentials.region" must be the name of a region'],
		[{ ...RDS, credentials: { source: "rds-iam", tokenDurationSecs: 60 } }, '"credentials.tokenDurationSecs" is unknown'],
	])("refuses %j", (config, message) => {
		expect(() => validate(config)).toThrow(message);
	});
});
