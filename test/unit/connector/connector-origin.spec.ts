/** The mark in a connector's options survives what users do to options, and shows nothing. */
import { inspect } from "node:util";
import type { DataSourceOptions } from "typeorm";
import { CONNECTOR_ORIGIN, ConnectorOrigin, readOrigin } from "../../../src/connector/connector-origin.js";

const SERVED = { database: "orders", host: "db.example.com", password: "canary", port: 5432, username: "app" };

function createOptions(origin: unknown = new ConnectorOrigin("id-1", "orders", SERVED)): DataSourceOptions {
	return { ...SERVED, entities: [], type: "postgres", [CONNECTOR_ORIGIN]: origin } as DataSourceOptions;
}

describe("ConnectorOrigin", () => {
	it.each(Object.entries(SERVED))("knows its own %s", (key, value) => {
		const origin = new ConnectorOrigin("id-1", "orders", SERVED);

		expect(origin.wasServed(key as keyof typeof SERVED, value)).toBe(true);
		expect(origin.wasServed(key as keyof typeof SERVED, `${String(value)}1`)).toBe(false);
		expect(origin.wasServed(key as keyof typeof SERVED, undefined)).toBe(false);
	});

	it("knows what it gave each replica", () => {
		const origin = new ConnectorOrigin("id-1", "orders", SERVED, [
			{ ...SERVED, host: "reader-1" },
			{ ...SERVED, host: "reader-2" },
		]);

		const known = ["db.example.com", "reader-1", "reader-2"].map((host) => [
			origin.wasServed("host", host),
			origin.wasServed("host", host, 0),
			origin.wasServed("host", host, 1),
			origin.wasServed("host", host, 2),
		]);

		expect(known).toEqual([
			[true, false, false, false],
			[false, true, false, false],
			[false, false, true, false],
		]);
	});

	it("prints two names and no value", () => {
		const origin = new ConnectorOrigin("id-1", "orders", SERVED, [{ ...SERVED, password: "another canary" }]);

		expect(inspect(origin, { depth: 10, showHidden: true })).toBe("ConnectorOrigin { connectorId: 'id-1', connector: 'orders' }");
		expect(JSON.parse(JSON.stringify(origin))).toEqual({ connector: "orders", connectorId: "id-1" });
	});
});

describe("readOrigin", () => {
	it("finds the mark in a copy with changes", () => {
		const origin = readOrigin(Object.assign({}, { ...createOptions(), host: "127.0.0.1" }));

		expect(origin).toMatchObject({ connector: "orders", connectorId: "id-1" });
		expect(origin?.wasServed("host", "127.0.0.1")).toBe(false);
	});

	it("reads the mark of another copy of the library", () => {
		const foreign = { connector: "other", connectorId: "id-2", wasServed: () => true };

		expect(readOrigin(createOptions(foreign))).toBe(foreign);
		expect(CONNECTOR_ORIGIN).toBe(Symbol.for("nestjs-typeorm-aws-connector.origin"));
	});

	const wasServed = (): boolean => true;

	it.each<[unknown]>([
		[undefined],
		[null],
		["orders"],
		[{ connector: "orders", connectorId: "id-1" }],
		[{ connector: "orders", wasServed }],
		[{ connectorId: "id-1", wasServed }],
	])("does not take %p for a mark", (value) => {
		expect(readOrigin(Object.assign(createOptions(), { [CONNECTOR_ORIGIN]: value }))).toBeUndefined();
	});
});
