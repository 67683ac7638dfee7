/** A refused login is known again, and cannot be read out of what knows it. */
import { inspect } from "node:util";

import type { CredentialPlan, NodeCredentials } from "../../../src/rotation/plan-credentials.js";
import { RefusedLogins } from "../../../src/rotation/refused-logins.js";
import { FakeClock } from "../../support/fake-clock.js";

const NODE: NodeCredentials = { host: "db", password: "hunter2", port: 5_432, username: "blue" };

function plan(master: NodeCredentials = NODE, slaves: readonly NodeCredentials[] = []): CredentialPlan {
	return { isUnchanged: false, master, options: { type: "postgres" }, slaves };
}

describe("RefusedLogins", () => {
	let clock: FakeClock;
	let refused: RefusedLogins;

	beforeEach(() => {
		clock = new FakeClock();
		refused = new RefusedLogins(clock);
		refused.note(plan());
	});

	it("knows a login that was refused, in whatever object it comes", () => {
		expect(refused.has(plan({ ...NODE }))).toBe(true);
	});

	it.each([{ host: "elsewhere" }, { password: "other" }, { port: 6_432 }, { username: "green" }])(
		"knows nothing of another one: %j",
		(change) => {
			expect(refused.has(plan({ ...NODE, ...change }))).toBe(false);
			expect(refused.isTooSoon(plan({ ...NODE, ...change }))).toBe(false);
		},
	);

	it("looks at the login only, and at no other option", () => {
		expect(refused.has(plan({ ...NODE, database: "other" } as NodeCredentials))).toBe(true);
	});

	it("knows the replicas apart from the master", () => {
		expect(refused.has(plan(NODE, [NODE]))).toBe(false);

		refused.note(plan(NODE, [{ ...NODE, host: "reader" }]));

		expect(refused.has(plan(NODE, [{ ...NODE, host: "reader" }]))).toBe(true);
		expect(refused.has(plan({ ...NODE, host: "reader" }, [NODE]))).toBe(false);
	});

	it("does not take the end of one value for the beginning of the next", () => {
		expect(refused.has(plan({ ...NODE, password: "2", username: "bluehunter" }))).toBe(false);
	});

	it("finds it too soon to try again for half a second", async () => {
		await clock.advance(499);
		expect(refused.isTooSoon(plan())).toBe(true);

		await clock.advance(1);
		expect(refused.isTooSoon(plan())).toBe(false);
		expect(refused.has(plan())).toBe(true);
	});

	it("counts from the last refusal", async () => {
		await clock.advance(400);
		refused.note(plan());
		await clock.advance(400);

		expect(refused.isTooSoon(plan())).toBe(true);
	});

	it("forgets them all", () => {
		refused.clear();

		expect(refused.has(plan())).toBe(false);
		expect(refused.isTooSoon(plan())).toBe(false);
	});

	it("can be printed without showing a user or a password, and by nobody compared with another one's", () => {
		const text = inspect(refused, { depth: null, showHidden: true });
		const other = new RefusedLogins(clock);
		other.note(plan());

		expect(text).not.toMatch(/hunter2|blue/);
		expect(fingerprints(refused)).not.toEqual(fingerprints(other));
	});
});

function fingerprints(refused: RefusedLogins): unknown[] {
	return [...(refused as unknown as { refusedAtMs: Map<string, number> }).refusedAtMs.keys()];
}
