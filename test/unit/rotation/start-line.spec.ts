/** The line at the start tells engine, place, user, TLS and schedule, each with its origin, and no secret. */
import type { DataSourceOptions } from "typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { explainConnector } from "../../../src/connector/explain-connector.js";
import { describeStart, type StartLineParts } from "../../../src/rotation/start-line.js";
import { StubParameterSource } from "../../support/stub-parameter-source.js";

const OPTIONS = {
	database: "shop",
	host: "db.example.com",
	password: "canary-password",
	port: 5432,
	ssl: { ca: "authority" },
	type: "postgres",
	username: "app",
} as DataSourceOptions;
const PARTS: StartLineParts = { explanation: undefined, intervalMs: 3_600_000, isRecoveryOn: true, nextRotationInMs: 2_460_000 };

async function explain(config: Partial<ITypeOrmAwsConnectorConfig>): Promise<StartLineParts> {
	const source = new StubParameterSource();
	const explanation = await explainConnector({
		config: { entities: [], ...config },
		connector: "default",
		load: async () => Promise.resolve(source),
		source,
	});
	return { ...PARTS, explanation };
}

describe("describeStart", () => {
	it("tells the origin of each value, and no password", async () => {
		const parts = await explain({ databaseName: "shop", host: "db.example.com", secretId: "prod/db", type: "postgres" });

		expect(describeStart(OPTIONS, parts)).toBe(
			"Started: postgres, host db.example.com (code), port 5433 (/shop/test/aws-rds/aurora-postgres/port), database shop (code), user app (secret prod/db), " +
				"TLS verified, rotation every 60 min, next in 41 min.",
		);
	});

	it("tells of replicas and of pools without TLS", () => {
		const server = { database: "shop", host: "db.example.com", port: 5432, username: "app" };
		const options = { replication: { master: server, slaves: [server, server] }, type: "postgres" } as DataSourceOptions;

		expect(describeStart(options, PARTS)).toMatch(/host db\.example\.com, .*replicas 2, no TLS, rotation/);
	});

	it.each([
		[{ rejectUnauthorized: false }, "TLS not verified"],
		[true, "TLS verified"],
		[false, "no TLS"],
	])("says of ssl: %j that there is %s", (ssl, expected) => {
		expect(describeStart({ ...OPTIONS, ssl } as DataSourceOptions, PARTS)).toContain(expected);
	});

	it.each([
		[{ intervalMs: undefined, isRecoveryOn: false, nextRotationInMs: undefined }, "rotation off."],
		[{ intervalMs: undefined, isRecoveryOn: true, nextRotationInMs: undefined }, "rotation off, recovery on."],
		[{ intervalMs: 90_000, isRecoveryOn: true, nextRotationInMs: undefined }, "rotation every 90 s."],
	])("tells of the schedule %j: %s", (schedule, expected) => {
		expect(describeStart(OPTIONS, { ...PARTS, ...schedule })).toContain(expected);
	});

	it("lets no control character of a value into the line", () => {
		const line = describeStart({ ...OPTIONS, host: "db\u001b[31m\nexample" } as DataSourceOptions, PARTS);

		expect(line).not.toMatch(/\p{Cc}/u);
	});
});
