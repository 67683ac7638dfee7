/** `npm run demo`: an application under load whose database credentials change. Ends by itself, with code 0 if no query failed, or on Ctrl-C. */
import { NestFactory } from "@nestjs/core";
import { RotatorService } from "nestjs-typeorm-aws-connector";

import { AppModule } from "./app.module.js";
import { BankService } from "./bank.service.js";
import { startCloud } from "./cloud.js";
import { Load } from "./load.js";
import { startPlainApplication } from "./plain.js";
import { playStory } from "./story.js";
import { Timeline } from "./timeline.js";
import { giveVerdict } from "./verdict.js";
import { Watch } from "./watch.js";

const POOL_SIZE = 10;
const WORKER_COUNT = 16;
const THINK_MS = 20;
const ACCOUNT_COUNT = 200;
const OPENING_BALANCE = 1_000;

/** Exit code of a program that was interrupted, as shells have it. */
const INTERRUPTED_EXIT_CODE = 130;

const INTRODUCTION = [
	"The credentials of a database change eight times while two applications use it: one on nestjs-typeorm-aws-connector, one on",
	"plain TypeORM with the password of its start. Both have the same code, load and pool. The first should have no failed query.",
	"",
];

/** Starts everything, plays the story and ends everything, in the opposite order. Returns whether all went well. */
async function runDemo(timeline: Timeline, signal: AbortSignal): Promise<boolean> {
	const ends: (() => Promise<void>)[] = [];
	try {
		timeline.print(...INTRODUCTION);
		timeline.print("Starting PostgreSQL, an AWS endpoint and a NestJS application. The first start takes some seconds longer.");
		const cloud = await startCloud(POOL_SIZE);
		ends.push(async () => cloud.stop());
		signal.throwIfAborted();

		Object.assign(process.env, cloud.environment);
		const app = await NestFactory.createApplicationContext(AppModule, { abortOnError: false, logger: ["error"] });
		ends.push(async () => app.close());
		signal.throwIfAborted();

		const bank = app.get(BankService);
		const rotator = app.get(RotatorService);
		const plain = await startPlainApplication(cloud.plainLogin, POOL_SIZE);
		ends.push(async () => plain.close());
		for (const each of [bank, plain.bank]) await each.openAccounts(ACCOUNT_COUNT, OPENING_BALANCE);
		timeline.print(
			`PostgreSQL listens on ${cloud.server.host}:${String(cloud.server.port)}, the AWS endpoint on ${cloud.aws.url}.`,
			`${String(WORKER_COUNT)} workers read balances and transfer money through a pool of ${String(POOL_SIZE)} connections; as many do so on plain TypeORM.`,
		);

		timeline.start();
		const weight = { accountCount: ACCOUNT_COUNT, thinkMs: THINK_MS, workerCount: WORKER_COUNT };
		const [load, plainLoad] = [new Load(bank, weight), new Load(plain.bank, weight)];
		for (const each of [load, plainLoad]) ends.push(async () => each.stop());
		const watch = new Watch({ cloud, load, plainLoad, timeline });
		ends.push(async () => watch.stop());
		rotator.events$.subscribe((event) => watch.note(event));

		const report = await playStory({ bank, cloud, load, plainLoad, rotator, signal, timeline });
		await watch.stop();
		await Promise.all([load.stop(), plainLoad.stop()]);
		return await giveVerdict({
			bank,
			cloud,
			generationCount: watch.generation,
			load,
			openingSum: ACCOUNT_COUNT * OPENING_BALANCE,
			plainLoad,
			report,
			timeline,
		});
	} finally {
		for (const end of ends.reverse()) await end();
	}
}

async function main(): Promise<void> {
	const timeline = new Timeline();
	const interrupt = new AbortController();
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
		process.once(signal, () => {
			timeline.print("", "Stopping.");
			interrupt.abort();
		});
	}
	try {
		process.exitCode = (await runDemo(timeline, interrupt.signal)) ? 0 : 1;
	} catch (error) {
		process.exitCode = interrupt.signal.aborted ? INTERRUPTED_EXIT_CODE : 1;
		if (!interrupt.signal.aborted) console.error(error);
	}
	if (interrupt.signal.aborted) timeline.print("Stopped, and nothing is left.");
}

void main();
