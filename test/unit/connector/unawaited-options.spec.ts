/** A forgotten `await` gets a sentence, and nothing else notices. */
import { inspect } from "node:util";

import { DataSource, type DataSourceOptions } from "typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";

const CONFIG: ITypeOrmAwsConnectorConfig = {
	databaseName: "app",
	entities: [],
	host: "127.0.0.1",
	password: "one",
	port: 5432,
	type: "postgres",
	username: "app",
};

const connector = new TypeOrmAwsConnectorService(undefined, undefined, CONFIG);

describe.each(["getTypeOrmOptions", "createTypeOrmOptions"] as const)("%s()", (method) => {
	const sentence = `Option "type" is read from a promise: write { ...(await connector.${method}()) }, with await.`;

	it("says so when its promise is spread", () => {
		// eslint-disable-next-line @typescript-eslint/no-misused-promises
		expect(() => ({ ...connector[method](), retryAttempts: 1 })).toThrow(sentence);
	});

	it("says so when its promise is given to a DataSource", () => {
		expect(() => new DataSource(connector[method]() as unknown as DataSourceOptions)).toThrow(sentence);
	});

	it("gives the options to those who wait", async () => {
		expect({ ...(await connector[method]()) }).toMatchObject({ database: "app", type: "postgres" });
		await expect(connector[method]().then(({ type }) => type)).resolves.toBe("postgres");
	});

	it("can be printed", () => {
		expect(inspect(connector[method]())).toContain("Promise");
	});
});
