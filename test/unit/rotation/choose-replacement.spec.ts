/** AWSCURRENT first, AWSPENDING when the server is ahead of it, and no account locked on the way. */
import type { DataSourceOptions } from "typeorm";

import { ConnectorClosedError, StagingFailedError } from "../../../src/errors/errors.js";
import { type Choice, chooseReplacement } from "../../../src/rotation/choose-replacement.js";
import type { FreshConnection } from "../../../src/rotation/connection-source.js";
import type { StagedPools } from "../../../src/rotation/stage-pools.js";
import { type CredentialPlan, planCredentials } from "../../../src/rotation/plan-credentials.js";
import { RefusedLogins } from "../../../src/rotation/refused-logins.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";

let accepted: string;
let clock: FakeClock;
let fetchPending: jest.Mock<Promise<FreshConnection | undefined>, []>;
let livePassword: string;
let refused: RefusedLogins;
/** Passwords that were tried, in order. */
let tried: unknown[];

beforeEach(() => {
	accepted = "two";
	clock = new FakeClock();
	fetchPending = jest.fn(() => Promise.resolve(undefined));
	livePassword = "one";
	refused = new RefusedLogins(clock);
	tried = [];
});

function options(password: string): DataSourceOptions {
	return { database: "shop", host: "db", password, port: 5_432, type: "postgres", username: "app" };
}

function version(password: string): FreshConnection {
	return { options: options(password), versionId: `version-${password}` };
}

function planFor(password: string): CredentialPlan {
	return planCredentials(options(livePassword), options(password));
}

/** Stands for staging: one password is right. */
function stage(plan: CredentialPlan): Promise<StagedPools> {
	tried.push(plan.master.password);
	if (plan.master.password === accepted) return Promise.resolve({ master: plan.master, slaves: [] } as unknown as StagedPools);
	const cause = Object.assign(new Error("no"), { code: "28P01" });
	return Promise.reject(new StagingFailedError("connect", "master", `refused ${String(plan.master.password)}`, { cause }));
}

interface Situation {
	readonly current: string;
	readonly isLivePending?: boolean;
	readonly pending?: string;
	readonly stage?: (plan: CredentialPlan) => Promise<StagedPools>;
	readonly isLiveRefused?: boolean;
}

function choose({ current, isLivePending = false, pending, isLiveRefused = false, ...rest }: Situation): Promise<Choice> {
	if (pending !== undefined) fetchPending.mockResolvedValue(version(pending));
	return chooseReplacement(version(current), {
		fetchPending,
		isLivePending,
		plan: (fresh) => planCredentials(options(livePassword), fresh.options),
		refused,
		stage: rest.stage ?? stage,
		isLiveRefused,
	});
}

describe("chooseReplacement", () => {
	describe("when AWSCURRENT names what the live side has", () => {
		it("has nothing to do, and forgets what was refused before it", async () => {
			refused.note(planFor("old"));

			expect(await choose({ current: "one", pending: "two" })).toEqual({ isLivePending: false, replacement: undefined });

			expect(refused.has(planFor("old"))).toBe(false);
			expect(tried).toEqual([]);
			expect(fetchPending).not.toHaveBeenCalled();
		});

		it("knows that AWSCURRENT has caught up with a live side that was ahead", async () => {
			expect(await choose({ current: "one", isLivePending: true })).toEqual({ isLivePending: false, replacement: undefined });
		});

		describe("and the server refuses it", () => {
			it("goes to the pending version, without trying the refused one", async () => {
				const { isLivePending, replacement } = await choose({ current: "one", pending: "two", isLiveRefused: true });

				expect(isLivePending).toBe(true);
				expect(replacement).toMatchObject({ plan: { master: { password: "two" } }, versionId: "version-two" });
				expect(tried).toEqual(["two"]);
			});

			it("has nothing to go to without one", async () => {
				expect(await choose({ current: "one", isLiveRefused: true })).toEqual({
					isLivePending: false,
					replacement: undefined,
				});
				expect(tried).toEqual([]);
			});

			it("remembers the refusal, so that nobody tries it again at once", async () => {
				await choose({ current: "one", isLiveRefused: true });

				expect(refused.isTooSoon(planFor("one"))).toBe(true);
			});

			it("fails with the refusal of the pending version when that is refused, too", async () => {
				const failure = await failureOf(choose({ current: "one", pending: "three", isLiveRefused: true }));

				expect((failure as Error).message).toContain("refused three");
			});
		});
	});

	describe("when AWSCURRENT names something else", () => {
		it("goes there", async () => {
			const { isLivePending, replacement } = await choose({ current: "two" });

			expect(isLivePending).toBe(false);
			expect(replacement).toMatchObject({
				plan: { isUnchanged: false, master: { password: "two" } },
				pools: { master: { password: "two" } },
				versionId: "version-two",
			});
		});

		it("does not ask for the pending version as long as it works", async () => {
			await choose({ current: "two", pending: "three" });

			expect(fetchPending).not.toHaveBeenCalled();
		});

		it("has no version from a stand-in that knows none", async () => {
			const choice = await chooseReplacement(
				{ options: options("two") },
				{
					fetchPending,
					isLivePending: false,
					plan: (fresh) => planCredentials(options("one"), fresh.options),
					refused,
					stage,
					isLiveRefused: false,
				},
			);

			expect(choice.replacement?.versionId).toBeUndefined();
		});
	});

	describe("when the server refuses AWSCURRENT", () => {
		it("goes to the pending version", async () => {
			accepted = "three";

			const { isLivePending, replacement } = await choose({ current: "two", pending: "three" });

			expect(isLivePending).toBe(true);
			expect(replacement).toMatchObject({ plan: { master: { password: "three" } }, versionId: "version-three" });
			expect(tried).toEqual(["two", "three"]);
		});

		it("fails with that refusal when there is no pending version", async () => {
			accepted = "three";

			const failure = await failureOf(choose({ current: "two" }));

			expect(failure).toBeInstanceOf(StagingFailedError);
			expect((failure as Error).message).toContain("refused two");
		});

		it("fails with that refusal when the pending version is refused as well", async () => {
			accepted = "four";

			const failure = await failureOf(choose({ current: "two", pending: "three" }));

			expect((failure as Error).message).toContain("refused two");
			expect(tried).toEqual(["two", "three"]);
			expect([refused.has(planFor("two")), refused.has(planFor("three"))]).toEqual([true, true]);
		});

		it("stays where it is when the live side has the pending version already", async () => {
			livePassword = "three";
			accepted = "three";

			expect(await choose({ current: "two", pending: "three" })).toEqual({ isLivePending: true, replacement: undefined });
			expect(tried).toEqual(["two"]);
		});

		it("tries it again the next time, while the live side is not known to be ahead", async () => {
			accepted = "three";
			await failureOf(choose({ current: "two" }));

			await failureOf(choose({ current: "two" }));

			expect(tried).toEqual(["two", "two"]);
		});

		it("does not try it again while the live side is known to be ahead of it", async () => {
			livePassword = "three";
			accepted = "three";
			await choose({ current: "two", pending: "three" });
			tried = [];

			expect(await choose({ current: "two", isLivePending: true, pending: "three" })).toEqual({
				isLivePending: true,
				replacement: undefined,
			});
			expect(tried).toEqual([]);
		});

		it("does not count as ahead any more when there is no pending version to be read: the next tick asks the server", async () => {
			livePassword = "three";
			refused.note(planFor("two"));

			expect(await choose({ current: "two", isLivePending: true })).toEqual({ isLivePending: false, replacement: undefined });
		});

		it("tries a version of AWSCURRENT that was never refused, although the live side is ahead", async () => {
			livePassword = "three";
			accepted = "four";

			const { isLivePending, replacement } = await choose({ current: "four", isLivePending: true, pending: "three" });

			expect(isLivePending).toBe(false);
			expect(replacement).toMatchObject({ plan: { master: { password: "four" } } });
		});
	});

	describe("while callers wait for a login that works", () => {
		it("does not try a version that was refused a moment ago", async () => {
			refused.note(planFor("two"));
			refused.note(planFor("three"));

			const choice = await choose({ current: "two", pending: "three", isLiveRefused: true });

			expect(choice).toEqual({ isLivePending: false, replacement: undefined });
			expect(tried).toEqual([]);
		});

		it("tries both again after a pause", async () => {
			refused.note(planFor("two"));
			refused.note(planFor("three"));
			accepted = "three";
			await clock.advance(500);

			const { replacement } = await choose({ current: "two", pending: "three", isLiveRefused: true });

			expect(tried).toEqual(["two", "three"]);
			expect(replacement).toMatchObject({ versionId: "version-three" });
		});

		it("tries AWSCURRENT again although the live side was ahead of it: the database may have been set back", async () => {
			livePassword = "three";
			refused.note(planFor("two"));
			await clock.advance(500);

			const { isLivePending, replacement } = await choose({
				current: "two",
				isLivePending: true,
				pending: "three",
				isLiveRefused: true,
			});

			expect(replacement).toMatchObject({ versionId: "version-two" });
			expect(isLivePending).toBe(false);
		});
	});

	describe("passes on, without going to the pending version,", () => {
		it.each([
			["an unreachable server", new StagingFailedError("connect", "master", "no", { cause: { code: "ECONNREFUSED" } })],
			["a server that does not answer", new StagingFailedError("verify", "master", "no")],
			["the end of the application", new ConnectorClosedError()],
			["a fault that only looks like a refusal", Object.assign(new Error("no"), { cause: { code: "28P01" } })],
		])("%s", async (_, fault) => {
			expect(await failureOf(choose({ current: "two", pending: "three", stage: () => Promise.reject(fault) }))).toBe(fault);
			expect(fetchPending).not.toHaveBeenCalled();
			expect(refused.has(planFor("two"))).toBe(false);
		});
	});

	it("passes on a fault of staging the pending version that is no refusal", async () => {
		const fault = new StagingFailedError("connect", "master", "no", { cause: { code: "ECONNRESET" } });
		const stagePending = async (plan: CredentialPlan): Promise<StagedPools> => {
			if (plan.master.password === "three") throw fault;
			return stage(plan);
		};
		accepted = "three";

		expect(await failureOf(choose({ current: "two", pending: "three", stage: stagePending }))).toBe(fault);
		expect(refused.has(planFor("three"))).toBe(false);
	});

	it("passes on that the pending version could not be asked for", async () => {
		const fault = new Error("throttled");
		fetchPending.mockRejectedValue(fault);
		accepted = "three";

		expect(await failureOf(choose({ current: "two" }))).toBe(fault);
	});
});
