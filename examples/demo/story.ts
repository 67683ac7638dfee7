/** The four chapters: a load, the same load while users alternate, while a single user's password changes, and after all that. */
import { setTimeout as sleep } from "node:timers/promises";

import { filter, firstValueFrom, fromEvent, takeUntil, throwError, timeout } from "rxjs";

import type { RotatorService } from "nestjs-typeorm-aws-connector";

import type { BankService, Report } from "./bank.service.js";
import type { Cloud } from "./cloud.js";
import type { Load } from "./load.js";
import type { Timeline } from "./timeline.js";

const ALTERNATION_COUNT = 5;
const PASSWORD_CHANGE_COUNT = 3;
const REPORT_MS = 3_000;
/** How much later than the database the secret learns of a new password. */
const SECRET_DELAY_MS = 50;
const QUIET_CHAPTER_MS = 2_500;
const PAUSE_MS = 800;
const HEALING_DEADLINE_MS = 15_000;

/** Names of the chapters, under which the queries are counted. */
export const CHAPTERS = ["before", "alternating users", "single user", "after"] as const;

/** Who takes part. */
export interface Cast {
	readonly bank: BankService;
	readonly cloud: Cloud;
	readonly load: Load;
	/** The load on the application without the library. */
	readonly plainLoad: Load;
	readonly rotator: RotatorService;
	/** Aborts at Ctrl-C. */
	readonly signal: AbortSignal;
	readonly timeline: Timeline;
}

/** Plays all chapters and returns what the long report saw. Rejects when a rotation fails or does not come. */
export async function playStory(cast: Cast): Promise<Report> {
	const { load, plainLoad, timeline } = cast;
	const enter = (chapter: (typeof CHAPTERS)[number], explanation: string): void => {
		load.chapter = chapter;
		plainLoad.chapter = chapter;
		timeline.chapter(chapter, explanation);
	};

	enter("before", "The load alone.");
	await pause(cast, QUIET_CHAPTER_MS);

	enter("alternating users", "The user at rest gets a new password, the secret names it, and the rotator is called.");
	const report = await alternateUsers(cast);

	enter(
		"single user",
		`The user in use gets a new password, and the secret follows ${String(SECRET_DELAY_MS)} ms later. The rotator is not called.\n` +
			"Its idle connections are cut at that moment, so that each caller waits for a login.",
	);
	for (let change = 1; change <= PASSWORD_CHANGE_COUNT; change += 1) await changePassword(cast);

	enter("after", "The load alone.");
	await pause(cast, QUIET_CHAPTER_MS);
	return report;
}

async function alternateUsers(cast: Cast): Promise<Report> {
	const { bank, cloud, rotator, signal, timeline } = cast;
	timeline.event(`a report begins: one transaction, which keeps its connection for ${String(REPORT_MS / 1_000)} s`);
	const report = bank.report(REPORT_MS, signal);
	// It is awaited below, unless the story ends before.
	report.catch(() => undefined);
	for (let alternation = 1; alternation <= ALTERNATION_COUNT; alternation += 1) {
		await cloud.alternateUsers();
		timeline.event(`the secret names ${cloud.currentUser}`);
		const result = await rotator.rotateDatabaseConnection();
		if (result.outcome !== "rotated") throw new Error(`The rotation ended as "${result.outcome}"`, { cause: result });
		await pause(cast, PAUSE_MS);
	}
	return report;
}

async function changePassword(cast: Cast): Promise<void> {
	const { cloud, load, plainLoad, timeline } = cast;
	let tellSecret: () => void = () => undefined;
	// A statement that the server cuts in the middle is lost in any case, so this happens between two of them. Then all callers have to log in at once.
	const change = async (): Promise<void> => {
		const cutCount = await cloud.cutConnections();
		tellSecret = await cloud.changePassword();
		timeline.event(`the server cut ${String(cutCount)} idle connections of ${cloud.currentUser} and has a new password for it`);
	};
	await load.betweenQueries(async () => plainLoad.betweenQueries(change));
	const tellLater = async (): Promise<void> => {
		// On Ctrl-C, too: the workers wait for it.
		await sleep(SECRET_DELAY_MS);
		tellSecret();
		timeline.event("the secret has the new password, too");
	};
	await Promise.all([waitForRotation(cast), tellLater()]);
	await pause(cast, PAUSE_MS);
}

/** Resolves with the next rotation, which the connector has to start by itself. */
async function waitForRotation({ rotator, signal }: Cast): Promise<void> {
	const rotated$ = rotator.events$.pipe(
		filter(({ type }) => type === "rotation.succeeded"),
		timeout({
			first: HEALING_DEADLINE_MS,
			with: () => throwError(() => new Error(`No rotation within ${String(HEALING_DEADLINE_MS)} ms`)),
		}),
		takeUntil(fromEvent(signal, "abort")),
	);
	await firstValueFrom(rotated$);
}

async function pause({ signal }: Pick<Cast, "signal">, durationMs: number): Promise<void> {
	await sleep(durationMs, undefined, { signal });
}
