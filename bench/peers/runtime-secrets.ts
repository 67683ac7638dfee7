/** Secrets read while an application runs: this library, Powertools for AWS Lambda and the bare client of the AWS SDK. */
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

import { SecretsManagerService } from "../../src/secrets.js";
import { type FakeAws, startFakeAws } from "../../src/testing/fake-aws.js";
import { compare, findMedian, measureSides, measureTimes, type Ratio, summarize } from "../sides.js";
import { formatDuration, formatRatio, type Result, type Row } from "../table.js";
import { loadPeer } from "./load-peer.js";

const SECRET_ID = "bench/api-key";
const ROUND_COUNT = 21;
const HIT_COUNT = 20_000;
const MISS_COUNT = 200;
const CALLER_COUNT = 1_000;

/** A value that is older than this is asked for again in the bench of an outage. */
const SHORT_TTL_MS = 1_000;
const DOWN_ROUND_COUNT = 5;

/** What Powertools offers. */
interface Powertools {
	readonly SecretsProvider: new (options: { awsSdkV3Client: SecretsManagerClient }) => {
		get(name: string, options: { forceFetch?: boolean; maxAge: number }): Promise<unknown>;
	};
}

/** One way to read a secret. */
interface Reader {
	readFresh(): Promise<unknown>;
	readKept(ttlMs: number): Promise<unknown>;
	stop(): void;
}

type Side = "bare" | "ours" | "powertools";

interface Crowd {
	readonly callCount: number;
	readonly elapsedMs: number;
	readonly failureCount: number;
}

/** Runs the bench. */
export async function benchRuntimeSecrets(): Promise<Result> {
	const aws = await startFakeAws();
	aws.secrets.put(SECRET_ID, { key: "value" });
	try {
		return {
			explanation:
				"Processor time and counts of one process that also plays AWS. Powertools and the bare client use the same AWS SDK with its defaults.",
			rows: [...(await benchHit(aws)), ...(await benchMiss(aws)), ...(await benchStampede(aws)), ...(await benchDown(aws))],
			title: "Runtime secrets",
		};
	} finally {
		await aws.stop();
	}
}

/** A reader of its own for each turn: an empty cache. */
const CREATORS: Readonly<Record<Side, (aws: FakeAws) => Reader>> = {
	bare: (aws) => {
		const client = new SecretsManagerClient(aws.clientConfig);
		const read = async (): Promise<unknown> => client.send(new GetSecretValueCommand({ SecretId: SECRET_ID }));
		return { readFresh: read, readKept: read, stop: () => client.destroy() };
	},
	ours: ({ clientConfig: { credentials, endpoint, region } }) => {
		const secrets = new SecretsManagerService({ aws: { credentials, endpoint, region } });
		return {
			readFresh: async () => secrets.getString(SECRET_ID, { cache: false }),
			readKept: async (ttl) => secrets.getString(SECRET_ID, { ttl }),
			stop: () => secrets.close(),
		};
	},
	powertools: (aws) => {
		const { SecretsProvider } = loadPeer<Powertools>("@aws-lambda-powertools/parameters/secrets");
		const client = new SecretsManagerClient(aws.clientConfig);
		const provider = new SecretsProvider({ awsSdkV3Client: client });
		return {
			readFresh: async () => provider.get(SECRET_ID, { forceFetch: true, maxAge: 300 }),
			readKept: async (ttlMs) => provider.get(SECRET_ID, { maxAge: ttlMs / 1_000 }),
			stop: () => client.destroy(),
		};
	},
};

async function benchHit(aws: FakeAws): Promise<Row[]> {
	const [ours, powertools] = [CREATORS.ours(aws), CREATORS.powertools(aws)];
	const turn = (reader: Reader) => async () => measureEach(HIT_COUNT, async () => reader.readKept(300_000));
	const measured = await measureSides({ ours: turn(ours), powertools: turn(powertools) }, { roundCount: ROUND_COUNT });
	for (const reader of [ours, powertools]) reader.stop();
	return [
		{
			figure: formatRatio(compare(measured.ours, measured.powertools)),
			note: `${formatDuration(findMedian(measured.ours))} against ${formatDuration(findMedian(measured.powertools))}`,
			what: "hit, processor time ÷ Powertools",
		},
	];
}

async function benchMiss(aws: FakeAws): Promise<Row[]> {
	const readers = { bare: CREATORS.bare(aws), ours: CREATORS.ours(aws), powertools: CREATORS.powertools(aws) };
	const turn = (reader: Reader) => async () => measureEach(MISS_COUNT, async () => reader.readFresh());
	const measured = await measureSides(
		{ bare: turn(readers.bare), ours: turn(readers.ours), powertools: turn(readers.powertools) },
		{ roundCount: ROUND_COUNT },
	);
	for (const reader of Object.values(readers)) reader.stop();
	const note = (side: Side): string =>
		`${formatDuration(findMedian(measured[side]))} against ${formatDuration(findMedian(measured.bare))}`;
	return [
		{ figure: formatRatio(compare(measured.ours, measured.bare)), note: note("ours"), what: "miss, this library ÷ bare client" },
		{
			figure: formatRatio(compare(measured.powertools, measured.bare)),
			note: note("powertools"),
			what: "miss, Powertools ÷ bare client",
		},
	];
}

async function benchStampede(aws: FakeAws): Promise<Row[]> {
	const play = (side: Side) => async (): Promise<Crowd> => {
		const reader = CREATORS[side](aws);
		const crowd = await callAtOnce(aws, reader, 300_000);
		reader.stop();
		return crowd;
	};
	const measured = await measureSides(
		{ bare: play("bare"), ours: play("ours"), powertools: play("powertools") },
		{ roundCount: DOWN_ROUND_COUNT, warmUpCount: 1 },
	);
	return describeCrowds(`${CALLER_COUNT} callers at once, nothing kept`, measured);
}

/** AWS cuts every connection when the kept value is past its time. */
async function benchDown(aws: FakeAws): Promise<Row[]> {
	const play = (side: Side) => async (): Promise<Crowd> => {
		const reader = CREATORS[side](aws);
		await reader.readKept(SHORT_TTL_MS);
		const fault = aws.faults.inject({ kind: "reset" });
		// Past the ttl, and past the time in which a value is served while a fresh one is fetched behind it.
		await new Promise((resolve) => setTimeout(resolve, 2 * SHORT_TTL_MS + 100));
		const crowd = await callAtOnce(aws, reader, SHORT_TTL_MS);
		fault.clear();
		reader.stop();
		return crowd;
	};
	const measured = await measureSides(
		{ bare: play("bare"), ours: play("ours"), powertools: play("powertools") },
		{ roundCount: DOWN_ROUND_COUNT, warmUpCount: 1 },
	);
	return describeCrowds(`${CALLER_COUNT} callers at once, value expired, AWS down`, measured);
}

async function callAtOnce(aws: FakeAws, reader: Reader, ttlMs: number): Promise<Crowd> {
	const before = aws.calls.count();
	const startedAtMs = performance.now();
	const settled = await Promise.allSettled(Array.from({ length: CALLER_COUNT }, async () => reader.readKept(ttlMs)));
	return {
		callCount: aws.calls.count() - before,
		elapsedMs: performance.now() - startedAtMs,
		failureCount: settled.filter(({ status }) => status === "rejected").length,
	};
}

function describeCrowds(what: string, measured: Readonly<Record<Side, readonly Crowd[]>>): Row[] {
	const titles: Readonly<Record<Side, string>> = { bare: "bare client", ours: "this library", powertools: "Powertools" };
	return (["ours", "powertools", "bare"] as const).map((side) => ({
		figure: `${formatCounts(measured[side].map(({ callCount }) => callCount))} requests`,
		note: [
			`${formatCounts(measured[side].map(({ failureCount }) => failureCount))} callers failed`,
			`${formatRatio(compareElapsed(measured, side))} × the time of this library`,
		].join("; "),
		what: `${what}: ${titles[side]}`,
	}));
}

function compareElapsed(measured: Readonly<Record<Side, readonly Crowd[]>>, side: Side): Ratio {
	const read = (crowds: readonly Crowd[]): number[] => crowds.map(({ elapsedMs }) => elapsedMs);
	return compare(read(measured[side]), read(measured.ours));
}

function formatCounts(counts: readonly number[]): string {
	const { lower, median, upper } = summarize(counts);
	return `${median} (${lower} – ${upper})`;
}

/** Milliseconds of processor time for each read, one after the other. */
async function measureEach(count: number, read: () => Promise<unknown>): Promise<number> {
	const { processorMs } = await measureTimes(async () => {
		for (let turn = 0; turn < count; turn += 1) await read();
	});
	return processorMs / count;
}
