/** What may surprise in production is said when an application starts, once. */
import { EDatabaseType } from "../../../src/configuration/connector.enums.js";
import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { reportAtStart } from "../../../src/connector/start-warnings.js";

const environment = { ...process.env };

afterEach(() => {
	process.env = { ...environment };
});

function report(config: Partial<ITypeOrmAwsConnectorConfig>, shouldSynchronize = false): string[] {
	const warnings: string[] = [];
	const whole = { entities: [], ...config };
	const once = (): void =>
		reportAtStart({
			config: whole,
			hosts: ["db.test"],
			settings: { shouldSynchronize, type: EDatabaseType.POSTGRES },
			warn: (message) => void warnings.push(message),
		});
	once();
	once();
	return warnings;
}

describe("A schema that TypeORM changes at each start", () => {
	it("is warned of in production where a parameter says so", () => {
		process.env["NODE_ENV"] = "production";

		expect(report({}, true)).toEqual([expect.stringContaining("A parameter sets shouldSynchronize to true")]);
	});

	it("is not where code says so, where it is switched off, and elsewhere than in production", () => {
		process.env["NODE_ENV"] = "production";
		expect(report({ shouldSynchronize: true }, true)).toEqual([]);
		expect(report({}, false)).toEqual([]);
		process.env["NODE_ENV"] = "development";
		expect(report({}, true)).toEqual([]);
	});
});

describe("A token", () => {
	it("that lives for more than fifteen minutes is warned of", () => {
		expect(report({ credentials: { source: "dsql-iam", tokenDurationSecs: 604_800 } })).toEqual([
			expect.stringContaining("credentials.tokenDurationSecs is 604800: a token that leaks"),
		]);
	});

	it.each([60, 900, undefined])("of %p seconds is not", (tokenDurationSecs) => {
		expect(report({ credentials: { source: "dsql-iam", ...(tokenDurationSecs === undefined ? {} : { tokenDurationSecs }) } })).toEqual(
			[],
		);
	});
});
