/** A parameter that leads live connections to another host: what moves, what stays, and TLS, which no parameter takes away. */
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

describe("A move that is not allowed", () => {
	const mayMove = (_from: string, to: string): boolean => to !== OTHER_HOST;

	it.each(["postgres", "mysql"] as const)(
		"leaves host, port and TLS, and the new credentials go to the former endpoint (%s)",
		async (type) => {
			const live = await describeOptions({ host: AWS_HOST, type });
			const fresh = await describeOptions({ host: OTHER_HOST, password: "next", port: 5_433, type, username: "app2" });

			const [plan] = planServers(live, fresh, new Map(), mayMove);

			const { ssl } = live as { readonly ssl?: unknown };
			expect(plan).toMatchObject({ isMoved: false, isUnchanged: false, refusedHost: OTHER_HOST });
			expect(plan?.server).toMatchObject({ host: AWS_HOST, password: "next", port: 5_432, username: "app2" });
			expect(plan?.server.ssl).toBe(ssl);
			expect(plan?.common).toMatchObject({ host: AWS_HOST, port: 5_432, ssl });
		},
	);

	it("is taken back by the next rotation, which may go to another allowed host", async () => {
		const live = await describeOptions({ host: AWS_HOST });
		const away = await describeOptions({ host: OTHER_HOST, password: "next" });
		const allowed = await describeOptions({ host: "allowed.example.com", password: "next" });

		const [held] = planServers(live, away, new Map(), mayMove);
		const afterwards = { ...live, ...held?.common } as DataSourceOptions;
		const [again] = planServers(afterwards, away, new Map(), mayMove);
		const [moved] = planServers(afterwards, allowed, new Map(), mayMove);

		expect(again).toMatchObject({ isMoved: false, isUnchanged: true, refusedHost: OTHER_HOST });
		expect(moved).toMatchObject({ isMoved: true, refusedHost: undefined, server: { host: "allowed.example.com" } });
	});

	it("concerns one server: a replica that stays holds back no other server", async () => {
		const replicas = (host: string): object => ({ replicas: [{ host, port: 5_432 }] });
		const live = await describeOptions({ host: "primary.example.com", ...replicas(AWS_HOST) });
		const fresh = await describeOptions({ host: "new.example.com", password: "next", ...replicas(OTHER_HOST) });

		const [primary, replica] = planServers(live, fresh, new Map(), mayMove);

		expect(primary).toMatchObject({ isMoved: true, refusedHost: undefined, server: { host: "new.example.com", password: "next" } });
		expect(replica).toMatchObject({ isMoved: false, refusedHost: OTHER_HOST, server: { host: AWS_HOST, password: "next" } });
	});

	it("leaves the token of the former endpoint: a token is signed for one host", async () => {
		const iam = { credentials: { region: "eu-west-1", source: "rds-iam" }, password: undefined } as object;
		const live = await describeOptions({ host: AWS_HOST, ...iam });
		const fresh = await describeOptions({ host: OTHER_HOST, tls: { rejectUnauthorized: true }, ...iam });

		const [plan] = planServers(live, fresh, new Map(), mayMove);

		expect(plan?.server.password).toBe((live as { readonly password?: unknown }).password);
		expect(plan).toMatchObject({ isUnchanged: true, refusedHost: OTHER_HOST });
	});
});
