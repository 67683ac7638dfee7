/** What was read last is kept, for a thousand secrets at most, and never undone by an answer that is older. */
import { inspect } from "node:util";

import type { FetchedSecret } from "../../../src/secrets/secret-fetcher.js";
import { SecretStore } from "../../../src/secrets/secret-store.js";
import { FakeClock } from "../../support/fake-clock.js";

interface OpenRequest {
	readonly answer: (text: string) => void;
	readonly refuse: (error: Error) => void;
}

/** Requests stay open until the test answers them. */
class HeldFetcher {
	closeCount = 0;
	readonly open: OpenRequest[] = [];
	renewCount = 0;

	close(): void {
		this.closeCount += 1;
	}

	fetch(): Promise<FetchedSecret> {
		return this.hold().then((text) => ({ text, versionId: `version of ${text}` }));
	}

	put(_secretId: string, text: string): Promise<string | undefined> {
		return this.hold().then(() => `version of ${text}`);
	}

	renew(): void {
		this.renewCount += 1;
	}

	private hold(): Promise<string> {
		return new Promise((resolve, reject) => this.open.push({ answer: resolve, refuse: reject }));
	}
}

function prepare(): { readonly clock: FakeClock; readonly fetcher: HeldFetcher; readonly store: SecretStore } {
	const clock = new FakeClock();
	const fetcher = new HeldFetcher();
	return { clock, fetcher, store: new SecretStore(fetcher, clock) };
}

it("keeps what it fetched, with the time at which the answer came", async () => {
	const { clock, fetcher, store } = prepare();
	const fetched = store.fetch("app/key");
	await clock.advance(300);
	fetcher.open[0]?.answer("one");

	await expect(fetched).resolves.toEqual({ text: "one", versionId: "version of one" });

	expect(store.find("app/key")).toMatchObject({ readAtMs: 300, retryAtMs: undefined, text: "one", versionId: "version of one" });
	expect(store.find("app/other")).toBeUndefined();
});

it("asks at each fetch, whatever it keeps", async () => {
	const { fetcher, store } = prepare();

	for (const text of ["one", "two"]) {
		const fetched = store.fetch("app/key", { versionStage: "AWSCURRENT" });
		fetcher.open.at(-1)?.answer(text);
		await fetched;
	}

	expect(store.find("app/key")?.text).toBe("two");
	expect(fetcher.open).toHaveLength(2);
});

it("keeps no other version than the current one", async () => {
	const { fetcher, store } = prepare();
	const fetched = store.fetch("app/key", { versionStage: "AWSPENDING" });
	fetcher.open[0]?.answer("next");

	await expect(fetched).resolves.toMatchObject({ text: "next" });

	expect(store.entryCount).toBe(0);
});

it("keeps what it had when a fetch fails", async () => {
	const { fetcher, store } = prepare();
	const first = store.fetch("app/key");
	fetcher.open[0]?.answer("one");
	await first;
	const second = store.fetch("app/key");
	fetcher.open[1]?.refuse(new Error("no"));

	await expect(second).rejects.toThrow("no");

	expect(store.find("app/key")?.text).toBe("one");
});

it("keeps what was written, over the answer to an earlier read", async () => {
	const { fetcher, store } = prepare();
	const read = store.fetch("app/key");
	const written = store.put("app/key", "new");
	fetcher.open[1]?.answer("");
	await expect(written).resolves.toBe("version of new");
	fetcher.open[0]?.answer("old");

	await expect(read).resolves.toMatchObject({ text: "old" });

	expect(store.find("app/key")).toMatchObject({ text: "new", versionId: "version of new" });
});

it("keeps nothing of a write that failed", async () => {
	const { fetcher, store } = prepare();
	const written = store.put("app/key", "new");
	fetcher.open[0]?.refuse(new Error("no"));

	await expect(written).rejects.toThrow("no");

	expect(store.entryCount).toBe(0);
});

it("keeps the later of two reads, whichever answer comes first", async () => {
	const { fetcher, store } = prepare();
	const reads = [store.fetch("app/key"), store.fetch("app/key")];
	fetcher.open[1]?.answer("later");
	await reads[1];
	fetcher.open[0]?.answer("earlier");
	await reads[0];

	expect(store.find("app/key")?.text).toBe("later");
});

it("gives up the one used least recently beyond a thousand", async () => {
	const { fetcher, store } = prepare();
	const read = async (secretId: string): Promise<void> => {
		const fetched = store.fetch(secretId);
		fetcher.open.at(-1)?.answer(secretId);
		await fetched;
	};
	for (let index = 0; index < 1_000; index++) await read(`app/${String(index)}`);
	store.find("app/0");
	await read("app/1");

	await read("app/one-more");

	expect(store.entryCount).toBe(1_000);
	expect(["app/0", "app/1", "app/2", "app/one-more"].filter((id) => store.find(id) === undefined)).toEqual(["app/2"]);
});

it("forgets one when told to, and everything when closed", async () => {
	const { fetcher, store } = prepare();
	for (const secretId of ["app/one", "app/two"]) {
		const fetched = store.fetch(secretId);
		fetcher.open.at(-1)?.answer(secretId);
		await fetched;
	}

	store.forget("app/one");
	const afterForgetting = [store.find("app/one")?.text, store.find("app/two")?.text];
	store.renew();
	store.close();

	expect(afterForgetting).toEqual([undefined, "app/two"]);
	expect(store.entryCount).toBe(0);
	expect([fetcher.renewCount, fetcher.closeCount]).toEqual([1, 1]);
});

it("shows no value when printed", async () => {
	const { fetcher, store } = prepare();
	const fetched = store.fetch("app/key");
	fetcher.open[0]?.answer("hunter2");
	await fetched;

	expect(inspect(store, { depth: 9, showHidden: true }) + JSON.stringify(store)).not.toContain("hunter2");
});

describe("what nothing can use any more", () => {
	async function read(store: SecretStore, fetcher: HeldFetcher): Promise<void> {
		const fetched = store.fetch("app/key");
		fetcher.open.at(-1)?.answer("one");
		await fetched;
	}

	it("is dropped after a minute where nothing reads from here", async () => {
		const { clock, fetcher, store } = prepare();
		await read(store, fetcher);

		await clock.advance(60_000);
		const before = store.entryCount;
		await clock.advance(1);
		const other = store.fetch("app/other");
		fetcher.open.at(-1)?.answer("two");
		await other;

		expect(before).toBe(1);
		expect(inspect(store, { depth: 9, showHidden: true })).not.toContain("one");
		expect(store.find("app/key")).toBeUndefined();
		expect(store.entryCount).toBe(1);
	});

	it("is kept for the reader that can use it for longest", async () => {
		const { clock, fetcher, store } = prepare();
		store.keepFor(1_000);
		store.keepFor(100);
		await read(store, fetcher);

		await clock.advance(1_000);
		const before = store.find("app/key");
		await clock.advance(1);

		expect(before).toMatchObject({ text: "one" });
		expect(store.find("app/key")).toBeUndefined();
	});
});
