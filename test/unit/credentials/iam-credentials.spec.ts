/** One login for each connector, one signer for each place, and the region from wherever it is said first. */
import { inspect } from "node:util";

import { IamCredentials, type IamCredentialsOptions } from "../../../src/credentials/iam-credentials.js";
import { selectCredentials } from "../../../src/credentials/select-credentials.js";
import { ConfigurationError } from "../../../src/errors/errors.js";
import { findSecrets, makeCanary } from "../../support/secret-search.js";

const KEYS = { accessKeyId: "AKIA", secretAccessKey: makeCanary("key") };
const RDS = { config: { aws: { credentials: KEYS }, username: "app" }, source: { source: "rds-iam" } } as const;
const DSQL = { config: { aws: { credentials: KEYS } }, source: { source: "dsql-iam" } } as const;
const RDS_HOST = "shop.abc123.eu-west-1.rds.amazonaws.com";

async function findScope(options: IamCredentialsOptions, host: string): Promise<string | undefined> {
	const login = await new IamCredentials(options).fetch();
	const token = await login.bind({ host, port: 5_432 }).sign();
	return new URL(`https://${token}`).searchParams.get("X-Amz-Credential")?.split("/")[2];
}

describe("IamCredentials", () => {
	it("has one login, without a password and without other versions", async () => {
		const provider = new IamCredentials(RDS);

		const [first, second] = [await provider.fetch(), await provider.fetch()];

		expect(first).toBe(second);
		expect(first).toMatchObject({ password: "", service: "rds", username: "app", versionId: undefined });
		await expect(provider.fetchVersion()).resolves.toBeUndefined();
	});

	it("has one signer for each place, so that a rotation sees what changed", async () => {
		const login = await new IamCredentials(RDS).fetch();

		const here = login.bind({ host: RDS_HOST, port: 5_432 });

		expect(login.bind({ host: RDS_HOST, port: 5_432 }).sign).toBe(here.sign);
		expect(login.bind({ host: RDS_HOST, port: 5_433 }).sign).not.toBe(here.sign);
		expect(login.bind({ host: `other.${RDS_HOST}`, port: 5_432 }).sign).not.toBe(here.sign);
	});

	it.each([
		["credentials.region", { region: "us-west-1" }, { region: "us-west-2" }, "us-west-3", RDS_HOST, "us-west-1"],
		["the host", {}, { region: "us-west-2" }, "us-west-3", RDS_HOST, "eu-west-1"],
		["aws.region", {}, { region: "us-west-2" }, "us-west-3", "database.internal", "us-west-2"],
		["ConfigService", {}, {}, "us-west-3", "database.internal", "us-west-3"],
	])("takes the region from %s first", async (_, source, aws, found, host, expected) => {
		const scope = await findScope(
			{
				config: { aws: { credentials: KEYS, ...aws }, username: "app" },
				findRegion: () => found,
				source: { source: "rds-iam", ...source },
			},
			host,
		);

		expect(scope).toBe(expected);
	});

	it("says which option is missing when no region is given", async () => {
		const login = await new IamCredentials(RDS).fetch();

		const bind = (): unknown => login.bind({ host: "database.internal", port: 5_432 });

		expect(bind).toThrow(ConfigurationError);
		expect(bind).toThrow('Option "credentials.region" is needed, since host "database.internal" does not name one.');
	});

	it("needs a user on RDS, and is the admin on DSQL", async () => {
		const withoutUser = { config: {}, source: { source: "rds-iam" } } as const;

		expect(() => new IamCredentials(withoutUser)).toThrow('Option "username" is needed');
		expect(await new IamCredentials(DSQL).fetch()).toMatchObject({ service: "dsql", username: "admin" });
	});

	it("signs no more than a hundred tokens of DSQL in a second, whatever the place", async () => {
		jest.useFakeTimers({ doNotFake: ["setImmediate"] });
		const login = await new IamCredentials(DSQL).fetch();
		let signedCount = 0;
		const signers = ["a", "b"].map((id) => login.bind({ host: `${id}.dsql.us-east-1.on.aws`, port: 5_432 }).sign);
		for (let turn = 0; turn < 102; turn += 1) void signers[turn % 2]?.().then(() => (signedCount += 1));

		const counts: number[] = [];
		for (const passedMs of [0, 10, 10]) {
			await jest.advanceTimersByTimeAsync(passedMs);
			// Signing takes turns of the event loop, not time.
			for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
			counts.push(signedCount);
		}
		jest.useRealTimers();

		expect(counts).toEqual([100, 101, 102]);
	});

	it("finds another identity of the process when it is renewed", async () => {
		const environment = { ...process.env };
		process.env["AWS_SECRET_ACCESS_KEY"] = "secret";
		const provider = new IamCredentials({ config: { username: "app" }, source: { source: "rds-iam" } });
		const { sign } = (await provider.fetch()).bind({ host: RDS_HOST, port: 5_432 });
		const findKey = async (): Promise<string | undefined> => /X-Amz-Credential=(\w+)/.exec(await sign())?.[1];

		provider.renew();
		process.env["AWS_ACCESS_KEY_ID"] = "AKIAONE";
		const first = await findKey();
		process.env["AWS_ACCESS_KEY_ID"] = "AKIATWO";
		const kept = await findKey();
		provider.renew();
		const renewed = await findKey();
		process.env = environment;
		provider.renew();

		expect([first, kept, renewed]).toEqual(["AKIAONE", "AKIAONE", "AKIATWO"]);
	});

	it("does not show the identity, printed or looked into", async () => {
		const provider = new IamCredentials(RDS);
		const login = await provider.fetch();
		login.bind({ host: RDS_HOST, port: 5_432 });

		expect(findSecrets(provider)).toEqual([]);
		expect(inspect(login)).toBe("TokenLogin { service: 'rds', username: 'app' }");
	});

	it.each([
		[{ credentials: { source: "rds-iam" }, username: "app" } as const],
		[{ host: "abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws" }],
	])("is what is selected for %j", (config) => {
		expect(selectCredentials({ entities: [], ...config })).toBeInstanceOf(IamCredentials);
	});
});
