/** Tokens say whom and what they are for; the packages that sign them are named where they are missing. */
import type { TAwsCredentials } from "../../../src/aws/aws.options.js";
import { createDsqlTokenProvider } from "../../../src/credentials/dsql-token.js";
import * as optionalPackages from "../../../src/credentials/optional-packages.js";
import { createRdsTokenProvider } from "../../../src/credentials/rds-token.js";
import { OptionInvalidError } from "../../../src/errors/errors.js";

jest.mock("../../../src/credentials/optional-packages.js", () => {
	const actual = jest.requireActual<typeof optionalPackages>("../../../src/credentials/optional-packages.js");
	return {
		loadDsqlSignerPackage: jest.fn(actual.loadDsqlSignerPackage),
		loadRdsSignerPackage: jest.fn(actual.loadRdsSignerPackage),
	};
});

const credentials = { accessKeyId: "AKIA", secretAccessKey: "secret", sessionToken: "session" };
const RDS_HOST = "shop.abc123.eu-west-1.rds.amazonaws.com";
const DSQL_HOST = "abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws";

function read(token: string): { authority: string; scope: string | undefined } & Record<string, unknown> {
	const url = new URL(`https://${token}`);
	const parameter = (name: string): string | null => url.searchParams.get(name);
	return {
		action: parameter("Action"),
		authority: token.split("/")[0] ?? "",
		expires: parameter("X-Amz-Expires"),
		scope: parameter("X-Amz-Credential")?.split("/").slice(2).join("/"),
		session: parameter("X-Amz-Security-Token"),
		user: parameter("DBUser"),
	};
}

describe("createRdsTokenProvider", () => {
	it("signs for host, port, user and the region in the host", async () => {
		const token = await createRdsTokenProvider({ credentials, host: RDS_HOST, port: 3_306, username: "app" })();

		expect(read(token)).toEqual({
			action: "connect",
			authority: `${RDS_HOST}:3306`,
			expires: "900",
			scope: "eu-west-1/rds-db/aws4_request",
			session: "session",
			user: "app",
		});
	});

	it("takes PostgreSQL's port and the region that it is given", async () => {
		const token = await createRdsTokenProvider({ credentials, host: "database.internal", region: "eu-west-2", username: "app" })();

		expect(read(token)).toMatchObject({ authority: "database.internal:5432", scope: "eu-west-2/rds-db/aws4_request" });
	});

	it("needs a region", () => {
		const create = (): unknown => createRdsTokenProvider({ credentials, host: "database.internal", username: "app" });

		expect(create).toThrow('Option "region" is needed, since host "database.internal" does not name one.');
	});
});

describe("createDsqlTokenProvider", () => {
	it.each([
		[{}, "DbConnectAdmin", "900"],
		[{ username: "admin" }, "DbConnectAdmin", "900"],
		[{ tokenDurationSecs: 60, username: "app" }, "DbConnect", "60"],
		[{ username: "Admin" }, "DbConnect", "900"],
	])("signs with %j for %s, %s seconds long", async (options, action, expires) => {
		const token = await createDsqlTokenProvider({ credentials, host: DSQL_HOST, ...options })();

		expect(read(token)).toEqual({
			action,
			authority: DSQL_HOST,
			expires,
			scope: "us-east-1/dsql/aws4_request",
			session: "session",
			user: null,
		});
	});

	it("makes a host of the id of a cluster", async () => {
		const token = await createDsqlTokenProvider({ credentials, host: "abcdef", region: "eu-west-1" })();

		expect(read(token)).toMatchObject({ authority: "abcdef.dsql.eu-west-1.on.aws", scope: "eu-west-1/dsql/aws4_request" });
	});

	it("needs a region", () => {
		expect(() => createDsqlTokenProvider({ credentials, host: "abcdef" })).toThrow(OptionInvalidError);
	});
});

describe.each(["AWS_REGION", "AWS_DEFAULT_REGION"])("%s of the environment", (variable) => {
	const environment = { ...process.env };

	beforeEach(() => {
		process.env[variable] = "eu-west-3";
	});

	afterEach(() => {
		process.env = { ...environment };
	});

	it("is the region of a cluster of which only the id is known", async () => {
		const token = await createDsqlTokenProvider({ credentials, host: "abcdef" })();

		expect(read(token)).toMatchObject({ authority: "abcdef.dsql.eu-west-3.on.aws", scope: "eu-west-3/dsql/aws4_request" });
	});

	it("is the region of a host that names none, as that of a global writer endpoint", async () => {
		const host = "shop.global-abcdefghijkl.global.rds.amazonaws.com";

		const token = await createRdsTokenProvider({ credentials, host, username: "app" })();

		expect(read(token)).toMatchObject({ authority: `${host}:5432`, scope: "eu-west-3/rds-db/aws4_request" });
	});

	it("gives way to the region in the host, and to the one that is given", async () => {
		const [own, given] = await Promise.all([
			createRdsTokenProvider({ credentials, host: RDS_HOST, username: "app" })(),
			createRdsTokenProvider({ credentials, host: RDS_HOST, region: "us-west-2", username: "app" })(),
		]);

		expect([own, given].map((token) => read(token).scope)).toEqual(["eu-west-1/rds-db/aws4_request", "us-west-2/rds-db/aws4_request"]);
	});
});

it.each([
	[
		"RDS",
		(provider: TAwsCredentials) =>
			createRdsTokenProvider({ ...(provider && { credentials: provider }), host: RDS_HOST, username: "app" }),
		"eu-west-1",
	],
	[
		"DSQL",
		(provider: TAwsCredentials) => createDsqlTokenProvider({ ...(provider && { credentials: provider }), host: DSQL_HOST }),
		"us-east-1",
	],
])("the identity for a token of %s is asked for in the region of the database", async (_, create, region) => {
	const provider = jest.fn().mockResolvedValue(credentials);

	await create(provider)();

	const [[{ callerClientConfig }]] = provider.mock.calls as [[{ callerClientConfig: { region: () => Promise<string> } }]];
	await expect(callerClientConfig.region()).resolves.toBe(region);
});

describe("a missing package", () => {
	it.each([
		["@aws-sdk/rds-signer", () => createRdsTokenProvider({ host: RDS_HOST, username: "app" }), "rds-iam", "loadRdsSignerPackage"],
		["@aws-sdk/dsql-signer", () => createDsqlTokenProvider({ host: DSQL_HOST }), "dsql-iam", "loadDsqlSignerPackage"],
	] as const)("%s is named, with the command that installs it", (name, create, source, load) => {
		jest.mocked(optionalPackages[load]).mockReturnValueOnce(undefined);

		expect(create).toThrow(`Option "credentials.source" "${source}" needs a package that is not installed; run: npm install ${name}.`);
	});
});
