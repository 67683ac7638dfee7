import { setTimeout as sleep } from "node:timers/promises";

import { createDataSource } from "nestjs-typeorm-aws-connector/data-source";
import type { DataSource } from "typeorm";

import { database } from "./database.js";
import { Note } from "./note.entity.js";

/** Takes the oldest job. Another worker skips it while this one has it, and gets it if this one fails. */
async function runNextJob(dataSource: DataSource): Promise<boolean> {
	return dataSource.transaction(async (manager) => {
		const [job] = await manager.find(Note, {
			lock: { mode: "pessimistic_write", onLocked: "skip_locked" },
			order: { id: "ASC" },
			take: 1,
		});
		if (job === undefined) return false;
		console.log(`done: ${job.text}`);
		await manager.remove(job);
		return true;
	});
}

async function main(): Promise<void> {
	const stopping = new AbortController();
	process.once("SIGTERM", () => stopping.abort());
	const dataSource = await createDataSource(database);
	console.log("ready");
	while (!stopping.signal.aborted) {
		if (!(await runNextJob(dataSource))) await sleep(200, undefined, { signal: stopping.signal }).catch(() => undefined);
	}
	await dataSource.close();
	console.log("closed");
}

void main();
