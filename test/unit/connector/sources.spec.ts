/** A region that is text counts; anything else is none. */
import { readRegion } from "../../../src/connector/sources.js";

it.each([
	["eu-west-1", "eu-west-1"],
	["", undefined],
	["  ", undefined],
	[undefined, undefined],
	[7, undefined],
])("takes %p for %p", (value, region) => {
	const asked: string[] = [];

	expect(readRegion({ get: (key) => (asked.push(key), value) })).toBe(region);
	expect(asked).toEqual(["AWS_REGION"]);
});

it("finds none without a ConfigService", () => {
	expect(readRegion(undefined)).toBeUndefined();
});
