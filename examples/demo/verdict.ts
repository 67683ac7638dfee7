/** What came of it: counts of each chapter, and whether everything is as it has to be. */
import type { BankService, Report } from "./bank.service.js";
import { type Cloud, PLAIN_USERS, USERS } from "./cloud.js";
import { type Figures, sumUp } from "./figures.js";
import type { Load } from "./load.js";
import { CHAPTERS } from "./story.js";
import { alignRight, formatConnections, formatCount, formatMs, type Timeline } from "./timeline.js";

/** What is judged. */
export interface Evidence {
	readonly bank: BankService;
	readonly cloud: Cloud;
	/** Generations of pools so far. */
	readonly generationCount: number;
	readonly load: Load;
	readonly openingSum: number;
	/** The load on the application without the library. */
	readonly plainLoad: Load;
	readonly report: Report;
	readonly timeline: Timeline;
}

const LABEL_WIDTH = 26;
const WIDTHS = [9, 11, 8, 8, 9, 12];
const TITLES = ["queries", "transfers", "failed", "p50 ms", "p99 ms", "longest ms"];

/** Prints the summary and tells whether no query failed and nothing was lost. */
export async function giveVerdict({
	bank,
	cloud,
	generationCount,
	load,
	openingSum,
	plainLoad,
	report,
	timeline,
}: Evidence): Promise<boolean> {
	timeline.print("", label("SUMMARY") + alignRight(TITLES, WIDTHS));
	for (const chapter of CHAPTERS) {
		timeline.print(label(chapter) + describeFigures(sumUp(load.samples.filter((sample) => sample.chapter === chapter))));
	}

	timeline.print("", label("PLAIN TYPEORM") + alignRight(TITLES, WIDTHS));
	for (const chapter of CHAPTERS) {
		timeline.print(
			label(`plain, ${chapter}`) + describeFigures(sumUp(plainLoad.samples.filter((sample) => sample.chapter === chapter))),
		);
	}

	const storedCount = await bank.countTransfers();
	const closingSum = await bank.sumBalances();
	const { failedCount, transferCount } = load;
	timeline.print(
		"",
		`${label("pool generations")}${String(generationCount)}`,
		`${label("connections")}${formatConnections(await cloud.countConnections())}, as the server sees them`,
		`${label("refused logins")}${await countRefused(cloud, USERS)}; on plain TypeORM ${await countRefused(cloud, PLAIN_USERS)}`,
		`${label("long report")}${String(report.readingCount)} readings in one transaction, ${report.isConsistent ? "all the same" : "NOT all the same"}`,
		`${label("transfers")}${formatCount(transferCount)} acknowledged, ${formatCount(storedCount)} stored`,
		`${label("sum of balances")}${formatCount(openingSum)} before, ${formatCount(closingSum)} after`,
		...(load.firstError === undefined ? [] : [`${label("first error")}${load.firstError.message}`]),
		"",
		`plain TypeORM: queries ${formatCount(plainLoad.samples.length)}, failed ${formatCount(plainLoad.failedCount)}${
			plainLoad.firstError === undefined ? "" : `, first with "${plainLoad.firstError.message}"`
		}`,
		`queries ${formatCount(load.samples.length)}, failed ${formatCount(failedCount)}`,
	);
	const isWell = failedCount === 0 && report.isConsistent && storedCount === transferCount && closingSum === openingSum;
	timeline.print(isWell ? VERDICT : "This should not be: please report it with the lines above.");
	return isWell;
}

const VERDICT = "No query of the application on nestjs-typeorm-aws-connector has failed, and nothing is lost.";

async function countRefused(cloud: Cloud, users: readonly string[]): Promise<string> {
	const counts = await Promise.all(users.map(async (user) => cloud.server.refusedLogins(user)));
	return String(counts.reduce((sum, count) => sum + count, 0));
}

function label(text: string): string {
	return text.padEnd(LABEL_WIDTH);
}

function describeFigures({ failedCount, longestMs, p50Ms, p99Ms, queryCount, transferCount }: Figures): string {
	const counts = [queryCount, transferCount, failedCount].map(formatCount);
	return alignRight([...counts, ...[p50Ms, p99Ms, longestMs].map(formatMs)], WIDTHS);
}
