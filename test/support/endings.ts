/** Ends what a test started, also where an assertion failed before the test did so itself. `jest-hooks.ts` calls it after each test. */

type End = () => Promise<void>;

/** An end that takes longer is given up, so that the next one gets its turn. */
const END_WITHIN_MS = 60_000;

const ofFile: End[] = [];
const ofTest: End[] = [];
let isTestRunning = false;

/**
 * Registers the end of something that was started just now. It comes after the running test, or after the file where it was started in
 * a `beforeAll()`.
 * @returns The same end for the test to call itself: it runs once, however often it is called.
 * @example
 * const stop = endLater(async () => server.close());
 */
export function endLater(end: () => Promise<unknown>): End {
	let ended: Promise<void> | undefined;
	const endOnce = async (): Promise<void> => (ended ??= end().then(() => undefined));
	(isTestRunning ? ofTest : ofFile).push(endOnce);
	return endOnce;
}

/** From now on `endLater()` registers for the test. */
export function beginTest(): void {
	isTestRunning = true;
}

/** Ends what the test started, the newest first. Throws the first failure. */
export async function endTest(): Promise<void> {
	isTestRunning = false;
	await endEach(ofTest.splice(0));
}

/** The same for what `beforeAll()` hooks started. */
export async function endFile(): Promise<void> {
	await endEach(ofFile.splice(0));
}

async function endEach(ends: readonly End[]): Promise<void> {
	const failures: unknown[] = [];
	for (const end of [...ends].reverse()) await withinLimit(end()).catch((error: unknown) => failures.push(error));
	if (failures.length > 0) throw failures[0];
}

async function withinLimit(ending: Promise<void>): Promise<void> {
	let timer: NodeJS.Timeout | undefined;
	const limit = new Promise<never>((_, reject) => {
		timer = setTimeout(() => reject(new Error(`A part of the test did not end within ${String(END_WITHIN_MS)} ms.`)), END_WITHIN_MS);
	});
	try {
		await Promise.race([ending, limit]);
	} finally {
		clearTimeout(timer);
	}
}
