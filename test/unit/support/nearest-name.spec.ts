/** An unknown name is matched with the one it was probably meant to be. */
import { findNearestName } from "../../../src/support/nearest-name.js";

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
		["size", "poolSize"],
	])("takes %s for %s", (unknown, expected) => {
		expect(findNearestName(unknown, KNOWN)).toBe(expected);
	});

	it("prefers the earlier of two equally near names", () => {
		expect(findNearestName("xost", ["lost", "host"])).toBe("lost");
	});

	it.each([
		["a quarter", "prrt", "port"],
		["a half", "prXY", undefined],
		["all", "url", undefined],
	])("looks no farther than a third of the letters: %s of them differ", (_share, unknown, expected) => {
		expect(findNearestName(unknown, KNOWN)).toBe(expected);
	});

	it("counts two swapped letters as one", () => {
		expect(findNearestName("tpye", ["type"])).toBe("type");
	});

	it("does not take a part of three letters for the whole name", () => {
		expect(findNearestName("tls", ["shouldUseTlsHere"])).toBeUndefined();
	});

	it("has no answer when nothing is known", () => {
		expect(findNearestName("host", [])).toBeUndefined();
	});
});
