/** The lint configuration refuses what the layout forbids. Each case is a planted violation or a legal neighbour of one. */
import { readdirSync } from "node:fs";

import { ESLint } from "eslint";
import { configs } from "typescript-eslint";

import lintConfig from "../../../eslint.config.js";
import { assertOneWay, ROOMS } from "../../../rooms.js";

// Texts are linted without type information, so that they need not exist as files.
const eslint = new ESLint({
	overrideConfig: [
		...lintConfig,
		{ ...configs.disableTypeChecked, files: ["**/*.ts"] },
		{ files: ["**/*.ts"], rules: { "@typescript-eslint/naming-convention": "off", "@typescript-eslint/no-unused-vars": "off" } },
	],
	overrideConfigFile: true,
	ruleFilter: ({ ruleId }) => ruleId.includes("restricted"),
});

async function findReports(filePath: string, text: string): Promise<ESLint.LintResult["messages"]> {
	const [result] = await eslint.lintText(text, { filePath });
	return result?.messages ?? [];
}

async function lint(filePath: string, text: string): Promise<string[]> {
	return (await findReports(filePath, text)).map(({ message, ruleId }) => ruleId ?? message);
}

const ROOM_RULE = "@typescript-eslint/no-restricted-imports";

describe("imports between rooms", () => {
	it.each(Object.entries(ROOMS))("lets %s name the rooms of its row and no others", async (room, { mayImport }) => {
		const others = Object.keys(ROOMS).filter((name) => name !== room);
		const text = others.map((name) => `export * from "../${name}/thing.js";`).join("\n");

		const reports = await findReports(`src/${room}/planted.ts`, text);
		const refusedLines = new Set(reports.map(({ line }) => line));
		const accepted = others.filter((_, index) => !refusedLines.has(index + 1));

		expect(new Set(reports.map(({ ruleId }) => ruleId))).toEqual(new Set([ROOM_RULE]));
		expect(accepted.sort()).toEqual([...mayImport].sort());
	});

	it.each([
		["an upward import", "support", `import { thing } from "../rotation/rotator.service.js";`],
		["an upward type import", "support", `import type { Thing } from "../rotation/rotator.service.js";`],
		["an upward inline type import", "errors", `import { type Thing } from "../support/clock.js";`],
		["an upward re-export of everything", "events", `export * from "../rotation/rotation-state.js";`],
		["a detour through the own folder", "support", `import { thing } from "./../rotation/rotator.service.js";`],
		["a detour through an allowed room", "secrets", `import { thing } from "../errors/../rotation/rotator.service.js";`],
		["the public surface", "rotation", `import { thing } from "../index.js";`],
		["the public surface as types", "module", `import type { Thing } from "../index.js";`],
		["the package by its own name", "module", `import { thing } from "nestjs-typeorm-aws-connector";`],
		["a barrel of the own room", "rotation", `import { thing } from "./index.js";`],
		["a barrel of an allowed room", "rotation", `import { thing } from "../events/index.js";`],
		["a file outside src", "rotation", `import { thing } from "../../test/support/fake-clock.js";`],
		["a path without extension", "rotation", `import { thing } from "../events/event-channel";`],
	])("refuses %s", async (_, room, text) => {
		const reports = await lint(`src/${room}/planted.ts`, text);

		expect(reports).toEqual([ROOM_RULE]);
	});

	it("refuses a dynamic import of another room", async () => {
		const reports = await lint("src/support/planted.ts", `export const load = () => import("../rotation/rotator.service.js");`);

		expect(reports).toEqual(["no-restricted-syntax"]);
	});

	it("accepts a neighbour in the same room and a bare package that is not guarded", async () => {
		const reports = await lint(
			"src/rotation/planted.ts",
			`import { a } from "./drain-pools.js"; import { b } from "rxjs"; export { a, b };`,
		);

		expect(reports).toEqual([]);
	});
});

describe("guarded packages", () => {
	it.each([
		["typeorm above the connector", "credentials", `import { DataSource } from "typeorm";`],
		["a path inside typeorm", "credentials", `import { PostgresDriver } from "typeorm/driver/postgres/PostgresDriver.js";`],
		["the SSM client outside parameter-store", "credentials", `import { SSMClient } from "@aws-sdk/client-ssm";`],
		["an optional peer anywhere", "module", `import { SchedulerRegistry } from "@nestjs/schedule";`],
		["one value beside a type", "credentials", `import { type DataSourceOptions, DataSource } from "typeorm";`],
	])("refuses %s as a value", async (_, room, text) => {
		const reports = await lint(`src/${room}/planted.ts`, text);

		expect(reports).toEqual([ROOM_RULE]);
	});

	it.each([
		["the types of typeorm", "credentials", `import type { DataSourceOptions } from "typeorm";`],
		["the types of an optional peer", "rotation", `import type { SchedulerRegistry } from "@nestjs/schedule";`],
		["typeorm where the table allows it", "connector", `import { DataSource } from "typeorm";`],
		["the SSM client in parameter-store", "parameter-store", `import { SSMClient } from "@aws-sdk/client-ssm";`],
	])("accepts %s", async (_, room, text) => {
		const reports = await lint(`src/${room}/planted.ts`, text);

		expect(reports).toEqual([]);
	});
});

describe("time", () => {
	it.each(["setTimeout(() => 1, 1)", "globalThis.setInterval(() => 1, 1)", "setImmediate(() => 1)", "Date.now()", "performance.now()"])(
		"is out of reach of a room as %s",
		async (call) => {
			const reports = await lint("src/rotation/planted.ts", `export const planted = () => ${call};`);

			expect(reports).toEqual(["no-restricted-globals"]);
		},
	);

	it("may be yielded by setImmediate in support, and read only in its clock", async () => {
		const yielded = await lint("src/support/planted.ts", "export const planted = () => setImmediate(() => 1);");
		const readBeside = await lint("src/support/planted.ts", "export const planted = () => Date.now();");
		const readInClock = await lint("src/support/clock.ts", "export const planted = () => Date.now();");

		expect(yielded).toEqual([]);
		expect(readBeside).toEqual(["no-restricted-globals"]);
		expect(readInClock).toEqual([]);
	});
});

describe("files", () => {
	it.each([
		"src/support/utils.ts",
		"src/rotation/pool-helpers.ts",
		"src/shared/clock.ts",
		"src/rotation/index.ts",
		"test/support/misc.ts",
	])("may not be called %s", async (filePath) => {
		const reports = await lint(filePath, "export const planted = 1;");

		expect(reports).toEqual(["no-restricted-syntax"]);
	});

	it.each(["src/index.ts", "src/secrets/secrets-manager.service.ts"])("may be called %s", async (filePath) => {
		const reports = await lint(filePath, "export const planted = 1;");

		expect(reports).toEqual([]);
	});

	it("hold Nest decorators only when they are modules or services", async () => {
		const text = "@Injectable() export class Planted {}";

		const plain = await lint("src/rotation/drain-pools.ts", text);
		const service = await lint("src/rotation/rotator.service.ts", text);

		expect(plain).toEqual(["no-restricted-syntax"]);
		expect(service).toEqual([]);
	});

	it("have no default export", async () => {
		const plain = await lint("src/rotation/drain-pools.ts", "export default 1;");
		const service = await lint("src/rotation/rotator.service.ts", "export default 1;");

		expect([...plain, ...service]).toEqual(["no-restricted-syntax", "no-restricted-syntax"]);
	});
});

describe("the table", () => {
	it("has a row for each folder of src, and no other", () => {
		const folders = readdirSync("src", { withFileTypes: true }).filter((entry) => entry.isDirectory());

		expect(folders.map(({ name }) => name).sort()).toEqual(Object.keys(ROOMS).sort());
	});

	it("cannot be loaded with an edge that points upward", () => {
		const rooms = { connector: { mayImport: ["rotation"], mayLoad: [] }, rotation: { mayImport: [], mayLoad: [] } };

		const load = () => assertOneWay(rooms);

		expect(load).toThrow('"connector" may not import rotation');
	});

	it("cannot be loaded with a package that nothing guards", () => {
		const load = () => assertOneWay({ errors: { mayImport: [], mayLoad: ["left-pad"] } });

		expect(load).toThrow('"errors" loads left-pad');
	});
});
