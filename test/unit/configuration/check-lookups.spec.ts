/** A replica needs a host and has no options that nothing would read. */
import { checkReplicas } from "../../../src/configuration/check-lookups.js";

function findFaults(...replicas: readonly unknown[]): string[] {
	return checkReplicas(replicas).map(({ message }) => message);
}

describe("checkReplicas", () => {
	it.each([
		[{ host: "reader" }],
		[{ ssmLookups: { host: { path: ["reader", "host"] } } }],
		[{ host: "reader", password: "p", port: 1, secretId: "s", ssmLookups: { port: { path: ["p"] } }, username: "u" }],
	])("accepts %j", (replica) => {
		expect(findFaults(replica)).toEqual([]);
	});

	it("names each that has no host", () => {
		expect(findFaults({ host: "reader" }, {}, { ssmLookups: { port: { path: ["p"] } } })).toEqual([
			'Option "replicas[1].host" is not given, and neither is "replicas[1].ssmLookups.host".',
			'Option "replicas[2].host" is not given, and neither is "replicas[2].ssmLookups.host".',
		]);
	});

	it.each([[null], ["reader"], [["reader"]]])("refuses %j", (replica) => {
		expect(findFaults(replica)).toEqual(['Option "replicas[0]" must be an object.']);
	});

	it("sees a hole in the list", () => {
		// eslint-disable-next-line no-sparse-arrays
		expect(checkReplicas([, { host: "reader" }]).map(({ message }) => message)).toEqual(['Option "replicas[0]" must be an object.']);
	});

	it("names the nearest known option", () => {
		expect(findFaults({ host: "reader", hots: 1, ssmLookups: { prot: { path: ["p"] } } })).toEqual([
			'Option "replicas[0].hots" is unknown; the nearest known one is "replicas[0].host".',
			'Option "replicas[0].ssmLookups.prot" is unknown; the nearest known one is "replicas[0].ssmLookups.port".',
		]);
	});

	it("refuses lookups that lead nowhere, and names the replica", () => {
		expect(findFaults({ host: "reader" }, { ssmLookups: { host: { path: [] }, port: "p", secretId: { path: ["a/b"] } } })).toEqual([
			'The lookup of "replicas[1].host" is invalid: "path" must be a list of at least one segment. Lookup: {"path":[]}.',
			expect.stringMatching(/^The lookup of "replicas\[1\]\.port" is invalid: must begin with "\/"/),
			expect.stringContaining('The lookup of "replicas[1].secret-id" is invalid: segment "path[0]"'),
		]);
	});

	it("refuses lookups that are no group", () => {
		expect(findFaults({ host: "reader", ssmLookups: [] })).toEqual(['Option "replicas[0].ssmLookups" must be an object.']);
	});
});
