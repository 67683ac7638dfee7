/** An IAM login in TypeORM's options stays the same as long as its place does, needs no secret, and differs from server to server. */
import type { DataSourceOptions } from "typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { planServers } from "../../../src/connector/plan-servers.js";

const HOST = "shop.abc123.eu-west-1.rds.amazonaws.com";
const READER = "reader.abc123.eu-west-1.rds.amazonaws.com";
const DSQL_HOST = "abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws";
const CREDENTIALS = { accessKeyId: "AKIA", secretAccessKey: "secret" };

const CONFIG: ITypeOrmAwsConnectorConfig = {
	aws: { credentials: CREDENTIALS },
	credentials: { source: "rds-iam" },
	databaseName: "shop",
	entities: [],
	port: 5_432,
	type: "postgres",
	username: "app",
};

/** Parameters that answer by the last segment of what is asked for, and remember what that was. */
class StubParameters {
	readonly asked = new Set<string>();

	constructor(readonly values: Record<string, string> = {}) {}

	get({ path }: { path: string[] }): string | null {
		const name = path.at(-1) ?? "";
		this.asked.add(name);
		return this.values[name] ?? null;
	}
}

async function readAuthority(password: unknown): Promise<string | undefined> {
	const token = await (password as () => Promise<string>)();
	return token.split("/")[0];
}

async function resolve(connector: TypeOrmAwsConnectorService): Promise<DataSourceOptions & { readonly password: unknown }> {
	const { options } = await connector.resolveConnection({ shouldRefresh: true });
	return options as DataSourceOptions & { readonly password: unknown };
}

describe("The options of an IAM login", () => {
	it("leave a rotation nothing to do, until the host moves", async () => {
		const parameters = new StubParameters({ host: HOST });
		const connector = new TypeOrmAwsConnectorService(undefined, parameters, CONFIG);

		const [first, second] = [await resolve(connector), await resolve(connector)];
		parameters.values["host"] = READER;
		const third = await resolve(connector);

		expect(planServers(first, second, new Map())).toMatchObject([{ isUnchanged: true }]);
		expect(planServers(second, third, new Map())).toMatchObject([
			{ isMoved: true, isUnchanged: false, server: { host: READER, password: third.password } },
		]);
		await expect(readAuthority(first.password)).resolves.toBe(`${HOST}:5432`);
		await expect(readAuthority(third.password)).resolves.toBe(`${READER}:5432`);
	});

	it("have a login of its own for each replica", async () => {
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, {
			...CONFIG,
			host: HOST,
			replicas: [{ host: READER, port: 5_433 }],
		});

		const options = await resolve(connector);

		const { replication } = options as unknown as { replication: { master: { password: unknown }; slaves: [{ password: unknown }] } };
		await expect(readAuthority(replication.master.password)).resolves.toBe(`${HOST}:5432`);
		await expect(readAuthority(replication.slaves[0].password)).resolves.toBe(`${READER}:5433`);
	});

	it.each([[{ ...CONFIG, host: HOST }], [{ aws: { credentials: CREDENTIALS }, entities: [], host: DSQL_HOST }]])(
		"ask for no secret: %j",
		async (config) => {
			const parameters = new StubParameters();
			const connector = new TypeOrmAwsConnectorService(undefined, parameters, config);

			await connector.getTypeOrmOptions();

			expect(parameters.asked).toContain("pool-size");
			expect(parameters.asked).not.toContain("secret-id");
			expect(connector.secretId).toBeUndefined();
		},
	);

	it("have the defaults of Aurora DSQL where Parameter Store has nothing", async () => {
		const config = { aws: { credentials: CREDENTIALS }, entities: [], host: DSQL_HOST };
		const parameters = new StubParameters({ "database-name": "reports", port: "5433" });

		const bare = await new TypeOrmAwsConnectorService(undefined, undefined, config).getTypeOrmOptions();
		const looked = await new TypeOrmAwsConnectorService(undefined, parameters, config).getTypeOrmOptions();

		expect(bare).toMatchObject({ database: "postgres", port: 5_432, type: "postgres", username: "admin" });
		expect(looked).toMatchObject({ database: "reports", port: 5_433, type: "postgres" });
	});

	it("have no such defaults where logins come from elsewhere", async () => {
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, { entities: [], host: HOST, password: "p", username: "u" });

		await expect(connector.getTypeOrmOptions()).rejects.toThrow(/"port".*"databaseName".*"type"/s);
	});

	it("have TLS, whatever the host is called", async () => {
		const config: ITypeOrmAwsConnectorConfig = {
			...CONFIG,
			credentials: { region: "eu-west-1", source: "rds-iam" },
			host: "database.internal",
		};

		const options = await new TypeOrmAwsConnectorService(undefined, undefined, config).getTypeOrmOptions();

		expect(options).toMatchObject({ ssl: { rejectUnauthorized: true } });
	});
});
