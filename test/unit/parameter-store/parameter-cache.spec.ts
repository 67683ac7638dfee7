/** What was read is found by name, and what was read later counts. */
import { inspect } from "node:util";
import * as fc from "fast-check";
import { ParameterCache } from "../../../src/parameter-store/parameter-cache.js";

const TREE = { isRecursive: true, path: "/shop/production" };

describe("ParameterCache", () => {
	it("finds a parameter by its full name", () => {
		const host = { Name: "/shop/production/postgres/main/host", Value: "db" };

		expect(new ParameterCache([host]).get(host.Name)).toBe(host);
	});

	describe("told of a tree that was read as a whole", () => {
		it.each(["/shop/production/host", "/shop/production/postgres/main/host"])("knows that %s does not exist", (name) => {
			expect(new ParameterCache([], TREE).get(name)).toBeNull();
		});

		it.each(["/shop/staging/host", "/other/production/host", "/shop/production", "/shop/production-2/host"])(
			"knows nothing of %s",
			(name) => {
				expect(new ParameterCache([], TREE).get(name)).toBeUndefined();
			},
		);

		it("knows nothing below the first level when only that was read", () => {
			const cache = new ParameterCache([], { ...TREE, isRecursive: false });

			expect(cache.get("/shop/production/host")).toBeNull();
			expect(cache.get("/shop/production/postgres/host")).toBeUndefined();
		});
	});

	it("knows nothing of what was never read when no tree was", () => {
		expect(new ParameterCache([]).get("/shop/production/host")).toBeUndefined();
	});

	it("keeps what a read found, and what it did not find", () => {
		const cache = new ParameterCache([]);
		const host = { Name: "/host", Value: "db" };

		cache.remember(
			new Map([
				["/host", host],
				["/port", null],
			]),
			cache.startRead(),
		);

		expect(cache.get("/host")).toBe(host);
		expect(cache.get("/port")).toBeNull();
	});

	it("replaces what was read at start, also by the knowledge that it is gone", () => {
		const cache = new ParameterCache([{ Name: "/shop/production/host", Value: "old" }], TREE);

		cache.remember(new Map([["/shop/production/host", null]]), cache.startRead());

		expect(cache.get("/shop/production/host")).toBeNull();
	});

	it("keeps the value of the read that started last, in whatever order the reads end", () => {
		const reads = fc.uniqueArray(fc.nat({ max: 9 }), { minLength: 1 });

		fc.assert(
			fc.property(reads, (endings) => {
				const cache = new ParameterCache([]);
				const readNumbers = Array.from({ length: 10 }, () => cache.startRead());

				for (const index of endings) {
					cache.remember(new Map([["/host", { Name: "/host", Value: String(index) }]]), readNumbers[index] as number);
				}

				expect(cache.get("/host")?.Value).toBe(String(Math.max(...endings)));
			}),
		);
	});

	it("does not show values to who inspects it", () => {
		const cache = new ParameterCache([{ Name: "/password", Value: "canary" }]);

		cache.remember(new Map([["/token", { Name: "/token", Value: "canary" }]]), cache.startRead());

		expect(inspect(cache, { depth: Infinity, showHidden: true })).not.toContain("canary");
		expect(JSON.stringify(cache)).not.toContain("canary");
	});
});
