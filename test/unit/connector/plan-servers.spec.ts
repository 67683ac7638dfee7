/** A parameter that leads live connections to another host does not take TLS away from them. */
import type { DataSourceOptions } from "typeorm";

import { planServers } from "../../../src/connector/plan-servers.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";

const AWS_HOST = "shop.abc123.eu-west-1.rds.amazonaws.com";
const OTHER_HOST = "db.example.com";

interface Server {
	readonly host: string;
	readonly ssl?: unknown;
}

async function describeOptions(config: Partial<ITypeOrmAwsConnectorConfig>): Promise<DataSourceOptions> {
	const login = { databaseName: "shop", entities: [], isPlaintextAllowed: true, password: "p", port: 5_432, username: "app" };
	const connector = new TypeOrmAwsConnectorService(undefined, undefined, { ...login, type: "postgres", ...config });
	try {
		return await connector.getTypeOrmOptions();
	} finally {
		connector.close();
	}
}

it.each(["postgres", "mysql"] as const)(
	"a database of AWS that becomes a host of another owner keeps its verified TLS (%s)",
	async (type) => {
		const live = await describeOptions({ host: AWS_HOST, type });
		const fresh = await describeOptions({ host: OTHER_HOST, type });

		const [plan] = planServers(live, fresh, new Map());

		const { ssl } = live as { readonly ssl?: unknown };
		expect(fresh).not.toHaveProperty("ssl");
		expect(ssl).toMatchObject({ rejectUnauthorized: true });
		expect(plan).toMatchObject({ isMoved: true, server: { host: OTHER_HOST } });
		expect(plan?.server.ssl).toBe(ssl);
		expect(plan?.common).toMatchObject({ ssl });
	},
);

it("replicas keep it as well", async () => {
	const replicas = (host: string): object => ({ replicas: [{ host, port: 5_432 }] });
	const live = await describeOptions({ host: AWS_HOST, ...replicas(`reader.${AWS_HOST.slice(5)}`) });
	const fresh = await describeOptions({ host: OTHER_HOST, ...replicas("reader.example.com") });

	const plans = planServers(live, fresh, new Map());

	const servers = plans.map(({ server }) => server as unknown as Server);
	expect(servers.map(({ host }) => host)).toEqual([OTHER_HOST, "reader.example.com"]);
	expect(servers.map(({ ssl }) => ssl)).toEqual(servers.map(() => expect.objectContaining({ rejectUnauthorized: true }) as unknown));
});
