/** The process of the exchange bench: an application under steady load, which rotates and reports what its callers met. */
import { setTimeout as sleep } from "node:timers/promises";

import { Logger } from "@nestjs/common";

import { type ITypeOrmAwsConnectorConfig, RotatorService, TypeOrmAwsConnectorService } from "../src/index.js";
import { findDialect } from "../test/support/sql-dialects.js";
import { TYPEORM_VERSIONS } from "../test/support/typeorm-versions.js";

/** What the process is given at its start, as JSON. */
export interface ApplicationSetup {
	readonly config: ITypeOrmAwsConnectorConfig;
	/** How long each operation holds its connection. */
	readonly holdMs: number;
	readonly pauseMs: number;
	readonly typeorm: string;
	readonly workerCount: number;
}

/** What it may be told; each command is answered by one message. */
export type ApplicationCommand = "begin" | "end" | "finish" | "rotate";

/** Answer to `end`: everything since `begin`. */
export interface LoadReport {
	readonly durationMs: number;
	readonly failures: readonly string[];
	/** Times until an operation had its connection. */
	readonly waitsMs: readonly number[];
}

/** Answer to `rotate`: `rotated`, or what went wrong. */
export type RotationReport = string;

void run(JSON.parse(process.argv[2] as string) as ApplicationSetup);

async function run({ config, holdMs, pauseMs, typeorm, workerCount }: ApplicationSetup): Promise<void> {
	Logger.overrideLogger(false);
	const connector = new TypeOrmAwsConnectorService(undefined, undefined, config);
	const version = TYPEORM_VERSIONS.find(({ label }) => label === typeorm);
	if (version === undefined) throw new Error(`TypeORM ${typeorm} is not installed`);
	const { DataSource } = version.load();
	const dataSource = await new DataSource(await connector.getTypeOrmOptions()).initialize();
	const rotator = new RotatorService(dataSource, undefined, connector, "bench");
	await rotator.onModuleInit();

	let failures: string[] = [];
	let isStopping = false;
	let startedAtMs = performance.now();
	let waitsMs: number[] = [];
	const sql = findDialect(dataSource).sleepSeconds(holdMs / 1_000);
	const work = async (): Promise<void> => {
		while (!isStopping) {
			const runner = dataSource.createQueryRunner();
			const askedAtMs = performance.now();
			try {
				await runner.connect();
				waitsMs.push(performance.now() - askedAtMs);
				await runner.query(sql);
			} catch (error) {
				failures.push(String(error));
			} finally {
				await runner.release();
			}
			await sleep(pauseMs);
		}
	};
	const workers = Array.from({ length: workerCount }, work);

	const begin = async (): Promise<undefined> => {
		failures = [];
		waitsMs = [];
		startedAtMs = performance.now();
		return Promise.resolve(undefined);
	};
	const end = async (): Promise<LoadReport> => Promise.resolve({ durationMs: performance.now() - startedAtMs, failures, waitsMs });
	const rotate = async (): Promise<RotationReport> => {
		const result = await rotator.rotateDatabaseConnection();
		return result.outcome === "failed" ? `failed: ${String(result.error)}` : result.outcome;
	};
	const finish = async (): Promise<undefined> => {
		isStopping = true;
		await Promise.all(workers);
		await rotator.onModuleDestroy();
		rotator.beforeApplicationShutdown();
		await Promise.all([rotator.onApplicationShutdown(), dataSource.destroy()]);
		connector.close();
		return undefined;
	};

	const commands: Readonly<Record<ApplicationCommand, () => Promise<unknown>>> = { begin, end, finish, rotate };
	process.on("message", (command: ApplicationCommand) => {
		void commands[command]().then((answer) => {
			process.send?.({ answer });
			if (command === "finish") process.disconnect();
		});
	});
	process.send?.({ answer: "ready" });
}
