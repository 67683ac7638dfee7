/** Reads are served from the cache while they may be, one request serves all who wait, and an outage of AWS is outlived for a while. */

import {
	ConnectorTimeoutError,
	SecretUnavailableError,
	OptionInvalidError,
	ConnectorClosedError,
	SecretMalformedError,
	SecretNotFoundError,
} from "../../../src/errors/errors.js";
import type { FetchedSecret } from "../../../src/secrets/secret-fetcher.js";
import { SecretStore } from "../../../src/secrets/secret-store.js";
import type { ISecretsManagerOptions } from "../../../src/secrets/secrets-manager.options.js";
import { createSecretsManager, SecretsManagerService } from "../../../src/secrets/secrets-manager.service.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";
import { findSecrets, makeCanary } from "../../support/secret-search.js";

const TTL_MS = 300_000;
const GRACE_MS = 60_000;
const HOUR_MS = 3_600_000;
const OUTAGE = new SecretUnavailableError("app/key", "no answer (TimeoutError)", true, { kind: "unavailable" });

/** AWS with one secret, which can be down. */
class StubAws {
	answer: Error | string = "one";
	closeCount = 0;
	/** Ends requests that are held. */
	release: () => void = () => undefined;
	requestCount = 0;
	private gate: Promise<void> = Promise.resolve();

	close(): void {
		this.closeCount += 1;
	}

	/** Requests from now on wait for `release`. */
	hold(): void {
		this.gate = new Promise((resolve) => (this.release = resolve));
	}

	async fetch(): Promise<FetchedSecret> {
		this.requestCount += 1;
		const { answer } = this;
		await this.gate;
		if (answer instanceof Error) throw answer;
		return { text: answer, versionId: "v" };
	}

	async put(_secretId: string, text: string): Promise<string | undefined> {
		if (this.answer instanceof Error) throw this.answer;
		this.answer = text;
		return Promise.resolve("v");
	}

	renew(): void {
		// Nothing of it goes bad.
	}
}

let aws: StubAws;
let clock: FakeClock;
let warnings: string[];

beforeEach(() => {
	aws = new StubAws();
	clock = new FakeClock();
	warnings = [];
});

function prepare(options: ISecretsManagerOptions = {}): SecretsManagerService {
	return new SecretsManagerService(options, {
		clock,
		sharedStore: new SecretStore(aws, clock),
		warn: (message) => void warnings.push(message),
	});
}

/** A service that has read "one" just now. */
async function prepareRead(options: ISecretsManagerOptions = {}): Promise<SecretsManagerService> {
	const secrets = prepare(options);
	await secrets.get("app/key");
	return secrets;
}

describe("the cache", () => {
	it("serves a value for five minutes without asking again", async () => {
		const secrets = await prepareRead();
		aws.answer = "two";

		await clock.advance(TTL_MS - 1);

		await expect(secrets.getString("app/key")).resolves.toBe("one");
		expect(aws.requestCount).toBe(1);
		expect(secrets.getStatistics()).toEqual({ entryCount: 1, failureCount: 0, hitCount: 1, missCount: 1, staleCount: 0 });
	});

	it("keeps it as long as the options say", async () => {
		const secrets = await prepareRead({ cacheTtlMs: 1_000, staleWhileRevalidateMs: 0 });
		aws.answer = "two";

		await clock.advance(999);
		const before = await secrets.getString("app/key");
		await clock.advance(1);

		expect([before, await secrets.getString("app/key")]).toEqual(["one", "two"]);
	});

	it("takes the age that one call asks for", async () => {
		const secrets = await prepareRead({ staleWhileRevalidateMs: 0 });
		aws.answer = "two";
		await clock.advance(60_000);

		const patient = await secrets.getString("app/key", { ttl: 60_001 });
		const strict = await secrets.getString("app/key", { ttl: 60_000 });

		expect([patient, strict]).toEqual(["one", "two"]);
	});

	it("is passed by with cache: false, and given the answer", async () => {
		const secrets = await prepareRead();
		aws.answer = "two";

		await expect(secrets.getString("app/key", { cache: false })).resolves.toBe("two");

		await expect(secrets.getString("app/key")).resolves.toBe("two");
		expect(aws.requestCount).toBe(2);
	});

	it("has one request in flight for all who wait", async () => {
		const secrets = prepare();
		aws.hold();
		const reads = [secrets.getString("app/key"), secrets.get("app/key"), secrets.getString("app/key", { cache: false })];
		aws.release();

		await expect(Promise.all(reads)).resolves.toEqual(["one", "one", "one"]);

		expect(aws.requestCount).toBe(1);
		expect(secrets.getStatistics()).toMatchObject({ hitCount: 0, missCount: 3 });
	});
});

describe("a value past its ttl", () => {
	it("is served for another minute, while one request fetches the fresh one behind it", async () => {
		const secrets = await prepareRead();
		aws.answer = "two";
		await clock.advance(TTL_MS + GRACE_MS - 1);
		aws.hold();

		const stale = [await secrets.getString("app/key"), await secrets.getString("app/key")];
		aws.release();
		await clock.advance(0);

		expect(stale).toEqual(["one", "one"]);
		expect(aws.requestCount).toBe(2);
		await expect(secrets.getString("app/key")).resolves.toBe("two");
		expect(secrets.getStatistics()).toMatchObject({ hitCount: 1, missCount: 1, staleCount: 2 });
	});

	it("is not served after that minute", async () => {
		const secrets = await prepareRead();
		aws.answer = "two";
		await clock.advance(TTL_MS + GRACE_MS);

		await expect(secrets.getString("app/key")).resolves.toBe("two");
	});

	it("is not served for longer than its ttl again", async () => {
		const secrets = await prepareRead({ cacheTtlMs: 1_000 });
		aws.answer = "two";
		await clock.advance(2_000);

		await expect(secrets.getString("app/key")).resolves.toBe("two");
	});

	it("is not served at all with a limit of 0", async () => {
		const secrets = await prepareRead();
		aws.answer = "two";

		await expect(secrets.getString("app/key", { ttl: 0 })).resolves.toBe("two");
	});

	it("is forgotten when AWS says no behind it", async () => {
		const secrets = await prepareRead();
		aws.answer = new SecretNotFoundError("app/key");
		await clock.advance(TTL_MS);
		await secrets.getString("app/key");
		await clock.advance(0);

		await expect(secrets.getString("app/key")).rejects.toBe(aws.answer);

		expect(secrets.getStatistics()).toMatchObject({ entryCount: 0, failureCount: 2 });
	});
});

describe("a refusal", () => {
	it.each([
		["a secret that is not there", new SecretNotFoundError("app/key")],
		["a secret that may not be read", new SecretUnavailableError("app/key", "denied", false, { kind: "denied" })],
	])("of %s is remembered for a second, however many ask", async (_, refusal) => {
		const secrets = prepare();
		aws.answer = refusal;

		for (let count = 0; count < 200; count += 1) await expect(secrets.get("app/key")).rejects.toBe(refusal);
		await clock.advance(999);
		await expect(secrets.get("app/key")).rejects.toBe(refusal);

		expect(aws.requestCount).toBe(1);
		expect(secrets.getStatistics()).toEqual({ entryCount: 0, failureCount: 1, hitCount: 0, missCount: 201, staleCount: 0 });
		aws.answer = "one";
		await clock.advance(1);
		await expect(secrets.getString("app/key")).resolves.toBe("one");
	});

	it("does not keep a fresh value from a read that wants one, nor from those who read after a write", async () => {
		const secrets = prepare();
		aws.answer = new SecretNotFoundError("app/key");
		await failureOf(secrets.get("app/key"));
		aws.answer = "one";

		await expect(secrets.getString("app/key", { ttl: 0 })).resolves.toBe("one");
		await expect(secrets.getString("app/key", { cache: false })).resolves.toBe("one");
		aws.answer = new SecretNotFoundError("app/other");
		await failureOf(secrets.get("app/other"));
		aws.answer = "";
		await secrets.set("app/other", "two");
		await expect(secrets.getString("app/other")).resolves.toBe("two");
	});

	it("is not remembered of an outage", async () => {
		const secrets = prepare();
		aws.answer = OUTAGE;
		await failureOf(secrets.get("app/key"));
		aws.answer = "one";

		await expect(secrets.getString("app/key")).resolves.toBe("one");
	});

	it("of more secrets than can be remembered takes no more memory", async () => {
		const secrets = prepare();
		aws.answer = new SecretNotFoundError("app/key");

		await Promise.all(Array.from({ length: 1_100 }, async (__, index) => failureOf(secrets.get(`app/${String(index)}`))));
		await failureOf(secrets.get("app/0"));
		await failureOf(secrets.get("app/1099"));

		expect(aws.requestCount).toBe(1_101);
	});
});

describe("a value that no read can use any more", () => {
	it("is dropped on the way of any later call", async () => {
		const options = { cacheTtlMs: 1, staleIfErrorMs: 0, staleWhileRevalidateMs: 0 };
		const secrets = await prepareRead(options);

		await clock.advance(100);

		expect(secrets.getStatistics().entryCount).toBe(0);
	});

	it("is kept as long as an outage may last", async () => {
		const secrets = await prepareRead();

		await clock.advance(TTL_MS + HOUR_MS - 1);
		const before = secrets.getStatistics().entryCount;
		await clock.advance(2);

		expect([before, secrets.getStatistics().entryCount]).toEqual([1, 0]);
	});

	it("is kept as long as one read has asked for", async () => {
		const secrets = await prepareRead({ cacheTtlMs: 1, staleIfErrorMs: 0, staleWhileRevalidateMs: 0 });
		await secrets.get("app/key", { ttl: HOUR_MS });

		await clock.advance(HOUR_MS - 1);

		await expect(secrets.getString("app/key", { ttl: HOUR_MS })).resolves.toBe("one");
		expect(aws.requestCount).toBe(1);
	});
});

describe("an outage of AWS", () => {
	it.each([
		["no answer", OUTAGE],
		["no time", new ConnectorTimeoutError("The fetch", 10_000)],
		["no identity", new SecretUnavailableError("app/key", "none", false, { kind: "no-identity" })],
	])("is outlived for an hour past the ttl: %s", async (_, error) => {
		const secrets = await prepareRead();
		aws.answer = error;
		await clock.advance(TTL_MS + HOUR_MS - 1);

		await expect(secrets.getString("app/key")).resolves.toBe("one");
		await clock.advance(1);

		await expect(secrets.getString("app/key")).rejects.toBe(error);
		expect(secrets.getStatistics()).toEqual({ entryCount: 1, failureCount: 2, hitCount: 0, missCount: 2, staleCount: 1 });
	});

	it("is outlived for as long as the options say", async () => {
		const secrets = await prepareRead({ staleIfErrorMs: 90_000 });
		aws.answer = OUTAGE;
		await clock.advance(TTL_MS + 90_000 - 1);
		const inTime = await secrets.getString("app/key");
		await clock.advance(1);

		await expect(secrets.getString("app/key")).rejects.toBe(OUTAGE);
		expect(inTime).toBe("one");
	});

	it("is not outlived with staleIfErrorMs: 0, and not with cache: false", async () => {
		const strict = await prepareRead({ staleIfErrorMs: 0, staleWhileRevalidateMs: 0 });
		const lenient = await prepareRead();
		aws.answer = OUTAGE;
		await clock.advance(TTL_MS);

		await expect(strict.getString("app/key")).rejects.toBe(OUTAGE);
		await expect(lenient.getString("app/key", { cache: false })).rejects.toBe(OUTAGE);
		expect(warnings).toHaveLength(1);
	});

	it.each([
		["not found", new SecretNotFoundError("app/key")],
		["denied", new SecretUnavailableError("app/key", "not allowed", false, { kind: "denied" })],
		["KMS", new SecretUnavailableError("app/key", "no key", false, { kind: "decryption" })],
		["empty", new SecretMalformedError("app/key", "empty")],
	])("is none when AWS says no: %s", async (_, error) => {
		const secrets = await prepareRead();
		aws.answer = error;
		await clock.advance(TTL_MS + GRACE_MS);

		await expect(secrets.getString("app/key")).rejects.toBe(error);

		expect(secrets.getStatistics()).toMatchObject({ entryCount: 0, missCount: 2, staleCount: 0 });
	});

	it("makes one reader wait, then asks behind the others every five seconds", async () => {
		const secrets = await prepareRead();
		aws.answer = OUTAGE;
		await clock.advance(TTL_MS + GRACE_MS);
		await secrets.getString("app/key");
		aws.hold();

		await clock.advance(4_999);
		await secrets.getString("app/key");
		const early = aws.requestCount;
		await clock.advance(1);
		const served = [await secrets.getString("app/key"), await secrets.getString("app/key")];

		expect(early).toBe(2);
		expect(served).toEqual(["one", "one"]);
		expect(aws.requestCount).toBe(3);
	});

	it("is over with the first answer", async () => {
		const secrets = await prepareRead();
		aws.answer = OUTAGE;
		await clock.advance(TTL_MS + GRACE_MS);
		await secrets.getString("app/key");
		aws.answer = "two";
		await clock.advance(5_000);

		await secrets.getString("app/key");
		await clock.advance(0);

		await expect(secrets.getString("app/key")).resolves.toBe("two");
	});

	it("is said once, with its reason and the age of the value", async () => {
		const secrets = await prepareRead();
		aws.answer = OUTAGE;
		await clock.advance(TTL_MS + GRACE_MS);

		for (let attempt = 0; attempt < 3; attempt++) {
			await secrets.getString("app/key");
			await clock.advance(5_000);
		}

		expect(secrets.getStatistics()).toMatchObject({ failureCount: 3, staleCount: 3 });
		expect(warnings).toEqual([`${OUTAGE.message} Its value of 360 s ago is served meanwhile, until 3600 s past its ttl.`]);
	});

	it("is only an error when nothing was read before", async () => {
		const secrets = prepare();
		aws.answer = OUTAGE;

		await expect(secrets.getString("app/key")).rejects.toBe(OUTAGE);

		expect(secrets.getStatistics()).toEqual({ entryCount: 0, failureCount: 1, hitCount: 0, missCount: 1, staleCount: 0 });
		expect(warnings).toEqual([]);
	});

	it("counts as one failure for all who wait", async () => {
		const secrets = prepare();
		aws.answer = OUTAGE;

		await Promise.allSettled([secrets.get("app/key"), secrets.get("app/key"), secrets.get("app/key")]);

		expect(secrets.getStatistics()).toMatchObject({ failureCount: 1, missCount: 3 });
	});
});

describe("the forms of a value", () => {
	it("are found out by get, asked for by getJson and getString", async () => {
		const secrets = prepare();
		aws.answer = '{"user":"app"}';

		await expect(secrets.get("app/key")).resolves.toEqual({ user: "app" });
		await expect(secrets.getJson<{ user: string }>("app/key")).resolves.toEqual({ user: "app" });
		await expect(secrets.getString("app/key")).resolves.toBe('{"user":"app"}');
	});

	it("are refused by getJson when they are none, without a word of the text", async () => {
		const secrets = prepare();
		aws.answer = "hunter2";

		const error = await failureOf(secrets.getJson("app/key"));

		expect(error).toMatchObject({ message: 'Secret "app/key" is not valid JSON. getString() gives it as it is.', reason: "not-json" });
	});

	it("are made anew for each reader", async () => {
		const secrets = prepare();
		aws.answer = '{"user":"app"}';

		const first = await secrets.getJson<{ user: string }>("app/key");
		first.user = "changed";

		await expect(secrets.getJson("app/key")).resolves.toEqual({ user: "app" });
	});
});

describe("set", () => {
	it("writes a text as it is and anything else as JSON, and serves it without asking", async () => {
		const secrets = prepare();

		await secrets.set("app/key", "sk_live_1");
		const text = [aws.answer, await secrets.get("app/key")];
		await secrets.set("app/key", { stripe: "sk" });

		expect(text).toEqual(["sk_live_1", "sk_live_1"]);
		expect(aws.answer).toBe('{"stripe":"sk"}');
		await expect(secrets.get("app/key")).resolves.toEqual({ stripe: "sk" });
		expect(aws.requestCount).toBe(0);
	});

	it("is not undone by a read that began before", async () => {
		const secrets = prepare();
		aws.hold();
		const before = secrets.getString("app/key");
		await secrets.set("app/key", "two");
		const after = secrets.getString("app/key", { cache: false });
		aws.release();

		expect([await before, await after]).toEqual(["one", "two"]);
		await expect(secrets.getString("app/key")).resolves.toBe("two");
	});

	it("leaves the reads after it one request, when the one before it ends", async () => {
		const secrets = prepare();
		aws.hold();
		const { release: releaseFirst } = aws;
		const before = secrets.getString("app/key");
		await secrets.set("app/key", "two");
		aws.hold();
		const after = secrets.getString("app/key", { cache: false });
		releaseFirst();
		await before;

		const joined = secrets.getString("app/key", { cache: false });
		aws.release();

		expect([await after, await joined]).toEqual(["two", "two"]);
		expect(aws.requestCount).toBe(2);
	});

	it("fails as AWS says, and counts it", async () => {
		const secrets = prepare();
		aws.answer = new SecretNotFoundError("app/key");

		await expect(secrets.set("app/key", "one")).rejects.toBe(aws.answer);

		expect(secrets.getStatistics()).toMatchObject({ entryCount: 0, failureCount: 1 });
	});
});

describe("what makes no sense", () => {
	it.each<[string, object]>([
		["cacheTtlMs", { cacheTtlMs: "5" }],
		["staleIfErrorMs", { staleIfErrorMs: -1 }],
		["staleWhileRevalidateMs", { staleWhileRevalidateMs: Infinity }],
		["ttl", { ttl: 1 }],
		["aws", { aws: "eu-west-1" }],
		["aws.region", { aws: { region: "" } }],
		["options", []],
	])("is refused as option %s", (option, options) => {
		const make = (): unknown => createSecretsManager(options);

		expect(make).toThrow(OptionInvalidError);
		expect(make).toThrow(`"${option}"`);
	});

	it.each<[string, string, object]>([
		["secretId", " ", {}],
		["secretId", undefined as unknown as string, {}],
		["ttl", "app/key", { ttl: "60000" }],
		["ttl", "app/key", { ttl: -1 }],
		["cache", "app/key", { cache: "no" }],
		["ttlMs", "app/key", { ttlMs: 1 }],
		["options", "app/key", null as unknown as object],
	])("is refused as %s of a read", async (option, secretId, options) => {
		const secrets = prepare();

		const error = await failureOf(secrets.get(secretId, options));

		expect(error).toBeInstanceOf(OptionInvalidError);
		expect(error).toMatchObject({ option });
		expect(aws.requestCount).toBe(0);
	});

	it("is refused as a value of set", async () => {
		await expect(prepare().set("app/key", undefined)).rejects.toMatchObject({ option: "value" });
	});
});

describe("the end", () => {
	it("refuses reads and writes, and leaves a shared store to the others", async () => {
		const secrets = await prepareRead();

		secrets.onApplicationShutdown();

		await expect(secrets.get("app/key")).rejects.toBeInstanceOf(ConnectorClosedError);
		await expect(secrets.set("app/key", "two")).rejects.toThrow("The secrets manager is closed");
		expect(aws.closeCount).toBe(0);
	});

	it("closes the store of its own", async () => {
		const secrets = createSecretsManager({ aws: { region: "eu-west-1" } });
		const close = jest.spyOn(secrets.store, "close");

		secrets.close();

		expect(close).toHaveBeenCalledTimes(1);
		await expect(secrets.get("app/key")).rejects.toMatchObject({ code: "ERR_CONNECTOR_CLOSED" });
	});
});

it("leaves no timer behind", async () => {
	const secrets = await prepareRead();
	aws.answer = OUTAGE;
	await clock.advance(TTL_MS + GRACE_MS);

	await secrets.get("app/key");

	expect(clock.pendingCount).toBe(0);
});

it("shows no value when printed, and no identity", async () => {
	aws.answer = makeCanary("secret");
	const secrets = await prepareRead();
	const own = createSecretsManager({
		aws: { credentials: { accessKeyId: "a", secretAccessKey: makeCanary("key") }, region: "eu-west-1" },
	});
	aws.answer = "no secret";

	expect(findSecrets(secrets)).toEqual([]);
	expect(findSecrets(own)).toEqual([]);
	own.close();
});
