/** An unknown name is matched with the one it was probably meant to be. */
import { findNearestName } from "../../../src/configuration/nearest-name.js";

const KNOWN = ["type", "host", "port", "poolSize", "isVerbose", "password"];

describe("findNearestName", () => {
	it.each([
		["hots", "host"],
		["prot", "port"],
		["POOLSIZE", "poolSize"],
		["poolsSize", "poolSize"],
		["HOST", "host"],
		["hostname", "host"],
		["verbose", "isVerbose"],
		["passwd", "password"],
	])("takes %s for %s", (unknown, expected) => {
		expect(findNearestName(unknown, KNOWN)).toBe(expected);
	});

	it("prefers the earlier of two equally near names", () => {
		expect(findNearestName("xost", ["lost", "host"])).toBe("lost");
	});

	it("has no answer when nothing is known", () => {
		expect(findNearestName("host", [])).toBeUndefined();
	});
});
