/** One outage with a changed password: connections are cut, callers wait, and the secret becomes right at a known moment. */
import { setTimeout as sleep } from "node:timers/promises";

import type { DataSource } from "typeorm";

import type { Scene } from "./rotating-database.js";
import type { DatabaseServer } from "./server/database-server.js";
import { findDialect } from "./sql-dialects.js";
import { waitUntil } from "./wait-until.js";

/** Connections of the pool that is cut. */
export const POOL_SIZE = 10;
/** Callers of one outage. */
export const CALLER_COUNT = 40;

/** Longer than a successful login speaks for the next ones. */
const REST_MS = 300;
/** A refusal is written to the server's log a moment after its client hears of it. */
const LOG_DELAY_MS = 200;
const RECOVERY_LIMIT_MS = 30_000;

/** What differs from outage to outage. */
export interface Outage {
	/** How callers come: all after the disconnect, all in the pool's queue at the disconnect, or again and again. */
	readonly callers: "after" | "queued" | "repeated";
	/** Whether AWSPENDING holds another wrong password of the same user. */
	readonly hasWrongPending: boolean;
	/** From the first fetch that the AWS endpoint sees until AWSCURRENT holds the right password. */
	readonly rightAfterMs: number;
}

/** How an outage ended. Times count from the moment the secret was right; they are infinite where callers were not served in time. */
export interface OutageReport {
	/** Errors that callers got who came once. */
	readonly failures: readonly unknown[];
	/** Until the first caller was served. */
	readonly firstMs: number;
	/** Until as many were served as there are callers. */
	readonly lastMs: number;
	/** Logins that the server refused. */
	readonly refusedCount: number;
}

/**
 * Plays one outage on a scene whose pool has {@link POOL_SIZE} connections.
 * @example
 * const { refusedCount } = await playOutage(scene, { callers: "after", hasWrongPending: false, rightAfterMs: 50 });
 */
export async function playOutage(scene: Scene<DatabaseServer>, { callers, hasWrongPending, rightAfterMs }: Outage): Promise<OutageReport> {
	const { aws, dataSource, secretId, server } = scene;
	const { username } = scene.current();
	await fill(dataSource);
	await sleep(REST_MS);
	const refusedBefore = await server.refusedLogins(username);
	if (hasWrongPending) aws.secrets.put(secretId, { password: "of another rotation", username }, { stages: ["AWSPENDING"] });
	await server.setPassword(username, "right");
	const rightAt = correctAfterFirstFetch(scene, rightAfterMs);

	const crowd = new Crowd(dataSource);
	if (callers === "queued") {
		crowd.hold();
		crowd.call();
		await server.terminate(username);
	} else {
		await server.terminate(username);
		await waitUntil("the pool has noticed the disconnect", () => countIdle(dataSource) === 0);
		if (callers === "after") crowd.call();
		else crowd.callAgainAndAgain();
	}

	const rightAtMs = await rightAt;
	const areServed = await waitUntil("the callers are served", () => crowd.isDoneSince(rightAtMs), RECOVERY_LIMIT_MS).then(
		() => true,
		() => false,
	);
	await crowd.stop();
	await sleep(LOG_DELAY_MS);
	const servedAtMs = crowd.servedAtMs.filter((atMs) => atMs >= rightAtMs).slice(0, CALLER_COUNT);
	return {
		failures: callers === "repeated" ? [] : crowd.failures,
		firstMs: Math.min(...servedAtMs) - rightAtMs,
		lastMs: areServed ? Math.max(...servedAtMs) - rightAtMs : Number.POSITIVE_INFINITY,
		refusedCount: (await server.refusedLogins(username)) - refusedBefore,
	};
}

/** All connections of the pool are open and idle afterwards. */
async function fill(dataSource: DataSource): Promise<void> {
	const sql = findDialect(dataSource).sleepSeconds(0.1);
	await Promise.all(Array.from({ length: POOL_SIZE }, async () => dataSource.query(sql)));
}

/** Puts the right password in place some time after the first fetch, and resolves with that moment. */
async function correctAfterFirstFetch({ aws, current, secretId }: Scene<DatabaseServer>, delayMs: number): Promise<number> {
	const { username } = current();
	await new Promise<void>((resolve) => {
		// Plays no fault: it only hears of each request.
		const watch = aws.faults.inject({
			kind: "latency",
			operation: "GetSecretValue",
			when: ({ SecretId }) => {
				if (SecretId !== secretId) return false;
				resolve();
				setImmediate(() => watch.clear());
				return false;
			},
		});
	});
	await sleep(delayMs);
	aws.secrets.put(secretId, { password: "right", username });
	return performance.now();
}

/** Connections that are idle in the pool, which notices a disconnect when the socket ends. */
function countIdle({ driver }: DataSource): number {
	const { master, pool } = driver as unknown as {
		readonly master?: { readonly idleCount: number };
		readonly pool?: { readonly _freeConnections: { readonly length: number } };
	};
	return master?.idleCount ?? pool?._freeConnections.length ?? 0;
}

/** Callers of one outage. */
class Crowd {
	readonly failures: unknown[] = [];
	readonly servedAtMs: number[] = [];
	private readonly calls: Promise<void>[] = [];
	/** Callers that got an error and do not come again. */
	private gaveUpCount = 0;
	private isStopping = false;

	constructor(private readonly dataSource: DataSource) {}

	/** Takes every connection; they end with the disconnect. */
	hold(): void {
		const sql = findDialect(this.dataSource).sleepSeconds(120);
		for (let index = 0; index < POOL_SIZE; index += 1) this.calls.push(this.dataSource.query(sql).catch(() => undefined));
	}

	call(): void {
		for (let index = 0; index < CALLER_COUNT; index += 1) this.calls.push(this.callOnce());
	}

	/** Each caller goes on after its answer, whatever the answer was. */
	callAgainAndAgain(): void {
		for (let index = 0; index < CALLER_COUNT; index += 1) this.calls.push(this.callUntilStopped());
	}

	/** Whether as many calls as there are callers were served since, or have failed for good. */
	isDoneSince(sinceMs: number): boolean {
		return this.servedAtMs.filter((atMs) => atMs >= sinceMs).length + this.gaveUpCount >= CALLER_COUNT;
	}

	async stop(): Promise<void> {
		this.isStopping = true;
		await Promise.all(this.calls);
	}

	private async callOnce(): Promise<void> {
		if (!(await this.ask())) this.gaveUpCount += 1;
	}

	private async callUntilStopped(): Promise<void> {
		while (!this.isStopping) {
			await this.ask();
			await sleep(1);
		}
	}

	private async ask(): Promise<boolean> {
		try {
			await this.dataSource.query("SELECT 1");
			this.servedAtMs.push(performance.now());
			return true;
		} catch (error) {
			this.failures.push(error);
			return false;
		}
	}
}
