/** The mark in a connector's options survives what users do to options, and shows nothing. */
import { inspect } from "node:util";
import type { DataSourceOptions } from "typeorm";
import { CONNECTOR_ORIGIN, OptionsOrigin, readOrigin } from "../../../src/connector/options-origin.js";

const SERVED = { database: "orders", host: "db.example.com", password: "canary", port: 5432, username: "app" };

function createOptions(origin: unknown = new OptionsOrigin("id-1", "orders", SERVED)): DataSourceOptions {
	return { ...SERVED, entities: [], type: "postgres", [CONNECTOR_ORIGIN]: origin } as DataSourceOptions;
}

describe("OptionsOrigin", () => {
	it.each(Object.entries(SERVED))("knows its own %s", (key, value) => {
		const origin = new OptionsOrigin("id-1", "orders", SERVED);

		expect(origin.isManaged(key as keyof typeof SERVED, value)).toBe(true);
		expect(origin.isManaged(key as keyof typeof SERVED, `${String(value)}1`)).toBe(false);
		expect(origin.isManaged(key as keyof typeof SERVED, undefined)).toBe(false);
	});

	it("knows what it gave each replica", () => {
		const origin = new OptionsOrigin("id-1", "orders", SERVED, [
			{ ...SERVED, host: "reader-1" },
			{ ...SERVED, host: "reader-2" },
		]);

		const known = ["db.example.com", "reader-1", "reader-2"].map((host) => [
			origin.isManaged("host", host),
			origin.isManaged("host", host, 0),
			origin.isManaged("host", host, 1),
			origin.isManaged("host", host, 2),
		]);

		expect(known).toEqual([
			[true, false, false, false],
			[false, true, false, false],
			[false, false, true, false],
		]);
	});

	it("prints two names and no value", () => {
		const origin = new OptionsOrigin("id-1", "orders", SERVED, [{ ...SERVED, password: "another canary" }]);

		expect(inspect(origin, { depth: 10, showHidden: true })).toBe("OptionsOrigin { connectorId: 'id-1', connector: 'orders' }");
		expect(JSON.parse(JSON.stringify(origin))).toEqual({ connector: "orders", connectorId: "id-1" });
	});
});

describe("readOrigin", () => {
	it("finds the mark in a copy with changes", () => {
		const origin = readOrigin(Object.assign({}, { ...createOptions(), host: "127.0.0.1" }));

		expect(origin).toMatchObject({ connector: "orders", connectorId: "id-1" });
		expect(origin?.isManaged("host", "127.0.0.1")).toBe(false);
	});

	it("reads the mark of another copy of the library", () => {
		const foreign = { connector: "other", connectorId: "id-2", isManaged: () => true };

		expect(readOrigin(createOptions(foreign))).toBe(foreign);
		expect(CONNECTOR_ORIGIN).toBe(Symbol.for("nestjs-typeorm-aws-connector.origin"));
	});

	const isManaged = (): boolean => true;

	it.each<[unknown]>([
		[undefined],
		[null],
		["orders"],
		[{ connector: "orders", connectorId: "id-1" }],
		[{ connector: "orders", isManaged }],
		[{ connectorId: "id-1", isManaged }],
	])("does not take %p for a mark", (value) => {
		expect(readOrigin(Object.assign(createOptions(), { [CONNECTOR_ORIGIN]: value }))).toBeUndefined();
	});
});
