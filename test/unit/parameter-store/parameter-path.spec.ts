/** A lookup becomes one name, or an error that says which segment is wrong. */
import * as fc from "fast-check";
import { LookupInvalidError } from "../../../src/errors/errors.js";
import { buildParameterPath, buildTreePath, parseSegment } from "../../../src/parameter-store/parameter-path.js";
import type { IConfigGetProperties } from "../../../src/parameter-store/parameter-store.options.js";

const DEFAULTS = { application: "shop", environment: "production", namespace: "postgres", instanceName: "main" };

const FAULTS: readonly [string, unknown, string][] = [
	["empty", "", "must not be empty"],
	["blank", " \t", "must not be empty"],
	["a number", 5, "must be text"],
	["an object", {}, "must be text"],
	["with a slash", "a/b", 'must not contain "/"'],
];

describe("buildParameterPath", () => {
	it("puts the registered segments before the lookup's own", () => {
		expect(buildParameterPath({ path: ["typeorm", "pool-size"] }, DEFAULTS)).toBe("/shop/production/postgres/main/typeorm/pool-size");
	});

	it.each([
		["application", "/other/production/postgres/main/host"],
		["environment", "/shop/other/postgres/main/host"],
		["namespace", "/shop/production/other/main/host"],
		["instanceName", "/shop/production/postgres/other/host"],
	])("lets the lookup replace %s", (segment, expected) => {
		expect(buildParameterPath({ [segment]: "other", path: ["host"] }, DEFAULTS)).toBe(expected);
	});

	it("trims every segment", () => {
		const lookup = { application: " a ", environment: "e\n", namespace: "\tn", instanceName: " i", path: [" p ", "q "] };

		expect(buildParameterPath(lookup, DEFAULTS)).toBe("/a/e/n/i/p/q");
	});

	it.each([undefined, null])("uses the registered segment where the lookup says %s", (absent) => {
		const lookup = { environment: absent, path: ["host"] } as unknown as IConfigGetProperties;

		expect(buildParameterPath(lookup, DEFAULTS)).toBe("/shop/production/postgres/main/host");
	});

	describe.each(["application", "environment", "namespace", "instanceName"])("given an %s", (segment) => {
		it.each(FAULTS)("that is %s, names it and the reason", (_, value, reason) => {
			const lookup = { path: ["host"], [segment]: value };

			const build = (): string => buildParameterPath(lookup, DEFAULTS);

			expect(build).toThrow(LookupInvalidError);
			expect(build).toThrow(`segment "${segment}" ${reason}`);
		});
	});

	it.each([...FAULTS, ["absent", undefined, "is missing"] as const])("names a segment of the path that is %s", (_, value, reason) => {
		const lookup = { path: ["typeorm", value] } as IConfigGetProperties;

		const build = (): string => buildParameterPath(lookup, DEFAULTS);

		expect(build).toThrow(LookupInvalidError);
		expect(build).toThrow(`segment "path[1]" ${reason}`);
	});

	it("names a hole in the path", () => {
		// eslint-disable-next-line no-sparse-arrays
		const lookup = { path: ["typeorm", , "pool-size"] } as IConfigGetProperties;

		expect(() => buildParameterPath(lookup, DEFAULTS)).toThrow('segment "path[1]" is missing');
	});

	it.each([
		["absent", undefined],
		["empty", []],
		["text", "host"],
		["null", null],
	])("refuses a path that is %s", (_, path) => {
		const lookup = { path } as IConfigGetProperties;

		const build = (): string => buildParameterPath(lookup, DEFAULTS);

		expect(build).toThrow(LookupInvalidError);
		expect(build).toThrow('"path" must be a list of at least one segment');
	});

	it("shows the lookup in the error", () => {
		const lookup = { namespace: "a/b", path: ["host"] };

		expect(() => buildParameterPath(lookup, DEFAULTS)).toThrow(JSON.stringify(lookup));
	});

	it("never makes two lookups of different segments mean the same parameter", () => {
		const segment = fc.stringMatching(/^[\w.-]{1,8}$/);
		const lookup = fc.record({ instanceName: segment, namespace: segment, path: fc.array(segment, { maxLength: 3, minLength: 1 }) });

		fc.assert(
			fc.property(lookup, lookup, (left, right) => {
				const isSame = JSON.stringify(left) === JSON.stringify(right);
				expect(buildParameterPath(left, DEFAULTS) === buildParameterPath(right, DEFAULTS)).toBe(isSame);
			}),
		);
	});
});

describe("buildTreePath", () => {
	it("is the beginning of every path of the application in its environment", () => {
		const path = buildTreePath(DEFAULTS);

		expect(path).toBe("/shop/production");
		expect(buildParameterPath({ path: ["host"] }, DEFAULTS)).toMatch(new RegExp(`^${path}/`));
	});
});

describe("parseSegment", () => {
	it("raises the error its caller makes of the reason", () => {
		const refuse = (reason: string): Error => new RangeError(`it ${reason}`);

		expect(() => parseSegment(null, refuse)).toThrow(new RangeError("it is missing"));
	});
});
