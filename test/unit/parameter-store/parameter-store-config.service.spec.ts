/** Lookups are served from what is known, and what is asked anew is one consistent answer. */
import { inspect } from "node:util";
import type { Parameter } from "@aws-sdk/client-ssm";
import { Logger } from "@nestjs/common";
import {
	LookupInvalidError,
	OptionInvalidError,
	ParameterInvalidError,
	ParameterNotLoadedError,
	ParameterStoreUnavailableError,
} from "../../../src/errors/errors.js";
import { ParameterStoreConfigService } from "../../../src/parameter-store/parameter-store-config.service.js";
import type { IParameterStoreConfigProperties } from "../../../src/parameter-store/parameter-store.options.js";
import type { ParameterStoreService } from "../../../src/parameter-store/parameter-store.service.js";
import { FakeClock } from "../../support/fake-clock.js";

type ReadByName = ParameterStoreService["getParametersByName"];

const PROPERTIES = { application: "shop", environment: "production", namespace: "postgres", instanceName: "main" };
const ROOT = "/shop/production/postgres/main";
const HOST = { path: ["host"] };
const PORT = { path: ["port"] };

/** Parameter Store as a test fills it. Reads answer at once, or wait in `pending` when `isHeld`. */
class StubStore {
	isHeld = false;
	readonly pending: (() => void)[] = [];
	readonly reads: { names: readonly string[]; options: Parameters<ReadByName>[1] }[] = [];
	readonly values = new Map<string, Parameter>();

	put(path: string, Value: string, Type: Parameter["Type"] = "String"): void {
		const Name = `${ROOT}/${path}`;
		this.values.set(Name, { Name, Type, Value });
	}

	readonly getParametersByName: ReadByName = async (names, options) => {
		this.reads.push({ names, options });
		const answer = names.flatMap((name) => this.values.get(name) ?? []);
		if (this.isHeld) await new Promise<void>((resolve) => this.pending.push(resolve));
		return answer;
	};
}

function setUp(changes: Partial<IParameterStoreConfigProperties> = {}): { service: ParameterStoreConfigService; store: StubStore } {
	const store = new StubStore();
	store.put("host", "db-1");
	store.put("port", "5432");
	const loaded = changes.shouldLoadOnDemand === true ? [] : [...store.values.values()];
	return { service: new ParameterStoreConfigService({ ...PROPERTIES, ...changes }, loaded, store), store };
}

describe("ParameterStoreConfigService", () => {
	it("refuses properties that cannot be used", () => {
		expect(() => new ParameterStoreConfigService({ ...PROPERTIES, namespace: "" }, [])).toThrow(OptionInvalidError);
	});

	it("does not show values to who inspects it", () => {
		const service = new ParameterStoreConfigService(PROPERTIES, [{ Name: `${ROOT}/password`, Value: "canary" }]);

		expect(inspect(service, { depth: Infinity, showHidden: true })).not.toContain("canary");
	});
});

describe("describePath", () => {
	it("is the full name that a lookup means", () => {
		const { service } = setUp();

		expect(service.describePath({ instanceName: "replica", path: ["host"] })).toBe("/shop/production/postgres/replica/host");
	});

	it("names a segment that cannot be used", () => {
		const { service } = setUp();

		expect(() => service.describePath({ environment: "a/b", path: ["host"] })).toThrow('segment "environment" must not contain "/"');
	});
});

describe("get", () => {
	it("returns the value of a parameter", () => {
		const { service } = setUp();

		expect(service.get(HOST)).toBe("db-1");
	});

	it("finds it whatever white space surrounds a segment, of the lookup or of the registration", () => {
		const { service } = setUp({ application: " shop " });

		expect(service.get({ namespace: " postgres", path: ["host "] })).toBe("db-1");
	});

	it.each([
		["application", "/other/production/postgres/main/host"],
		["environment", "/shop/other/postgres/main/host"],
		["namespace", "/shop/production/other/main/host"],
		["instanceName", "/shop/production/postgres/other/host"],
	])("looks elsewhere when the lookup replaces %s", (segment, Name) => {
		const service = new ParameterStoreConfigService(PROPERTIES, [{ Name, Value: "elsewhere" }]);

		expect(service.get({ [segment]: "other", path: ["host"] })).toBe("elsewhere");
	});

	it("returns null for a parameter that does not exist", () => {
		const { service } = setUp();

		expect(service.get({ path: ["nowhere"] })).toBeNull();
	});

	it("returns null outside of the tree that was read at start", () => {
		const { service } = setUp();

		expect(service.get({ environment: "staging", path: ["host"] })).toBeNull();
	});

	it("returns an empty value as it is", () => {
		const service = new ParameterStoreConfigService(PROPERTIES, [{ Name: `${ROOT}/host`, Value: "" }]);

		expect(service.get(HOST)).toBe("");
	});

	it("returns null for a parameter without a value", () => {
		const service = new ParameterStoreConfigService(PROPERTIES, [{ Name: `${ROOT}/host` }]);

		expect(service.get(HOST)).toBeNull();
	});

	it("refuses a lookup that cannot be used", () => {
		const { service } = setUp();

		expect(() => service.get({ path: [] })).toThrow(LookupInvalidError);
	});

	it.each(["String", "SecureString"] as const)("accepts a %s", (Type) => {
		const service = new ParameterStoreConfigService(PROPERTIES, [{ Name: `${ROOT}/host`, Type, Value: "db" }]);

		expect(service.get(HOST)).toBe("db");
	});

	it("refuses a StringList by its path, without its value, and serves the others", () => {
		const service = new ParameterStoreConfigService(PROPERTIES, [
			{ Name: `${ROOT}/pool/hosts`, Type: "StringList", Value: "canary-a,canary-b" },
			{ Name: `${ROOT}/port`, Type: "String", Value: "5432" },
		]);

		const ask = (): unknown => service.get({ path: ["pool", "hosts"] });

		expect(ask).toThrow(ParameterInvalidError);
		expect(ask).toThrow(`"pool/hosts" is a StringList, but must be a String or a SecureString at "${ROOT}/pool/hosts"`);
		expect(ask).not.toThrow("canary");
		expect(service.get(PORT)).toBe("5432");
	});

	describe("when loading on demand", () => {
		it("says that a parameter was not fetched, by its full path", () => {
			const { service } = setUp({ shouldLoadOnDemand: true });

			expect(() => service.get(HOST)).toThrow(ParameterNotLoadedError);
			expect(() => service.get(HOST)).toThrow(`"${ROOT}/host"`);
		});

		it("says so of a parameter beside one that was fetched", async () => {
			const { service } = setUp({ shouldLoadOnDemand: true });

			await service.getMany([PORT]);

			expect(() => service.get(HOST)).toThrow(ParameterNotLoadedError);
		});

		it("serves what was fetched, and null for what was found missing", async () => {
			const { service } = setUp({ shouldLoadOnDemand: true });

			await service.getMany([HOST, { path: ["nowhere"] }]);

			expect(service.get(HOST)).toBe("db-1");
			expect(service.get({ path: ["nowhere"] })).toBeNull();
		});
	});
});

describe("getMany", () => {
	it("answers in the order of the lookups, each as often as it was asked for", async () => {
		const { service } = setUp({ shouldLoadOnDemand: true });

		const values = await service.getMany([PORT, { path: ["nowhere"] }, HOST, PORT]);

		expect(values).toEqual(["5432", null, "db-1", "5432"]);
	});

	it("reads every name once", async () => {
		const { service, store } = setUp({ shouldLoadOnDemand: true });

		await service.getMany([PORT, HOST, PORT]);

		expect(store.reads.map(({ names }) => names)).toEqual([[`${ROOT}/port`, `${ROOT}/host`]]);
	});

	it("answers no lookup with no value", async () => {
		const { service, store } = setUp();

		await expect(service.getMany([])).resolves.toEqual([]);
		expect(store.reads).toHaveLength(0);
	});

	it("refuses a lookup that cannot be used before it reads anything", async () => {
		const { service, store } = setUp({ shouldLoadOnDemand: true });

		await expect(service.getMany([HOST, { path: [""] }])).rejects.toBeInstanceOf(LookupInvalidError);
		expect(store.reads).toHaveLength(0);
	});

	it.each([
		["quietly and encrypted by default", {}, { isVerbose: false, shouldDecrypt: false }],
		["verbosely when registered so", { isVerbose: true }, { isVerbose: true, shouldDecrypt: false }],
		["decrypted when registered so", { shouldDecryptParameters: true }, { isVerbose: false, shouldDecrypt: true }],
	])("reads %s", async (_, properties, expected) => {
		const { service, store } = setUp({ ...properties, shouldLoadOnDemand: true });

		await service.getMany([HOST]);

		expect(store.reads[0]?.options).toMatchObject(expected);
	});

	it("hands its caller's signal to the read", async () => {
		const { service, store } = setUp({ shouldLoadOnDemand: true });
		const { signal } = new AbortController();

		await service.getMany([HOST], { signal });

		expect(store.reads[0]?.options?.signal).toBe(signal);
	});

	describe("of a tree that was read at start", () => {
		it("asks nothing, also for what is not in it", async () => {
			const { service, store } = setUp();

			await expect(service.getMany([HOST, { path: ["nowhere"] }])).resolves.toEqual(["db-1", null]);
			expect(store.reads).toHaveLength(0);
		});

		it("reads a lookup outside of the tree by its name, and get serves it from then on", async () => {
			const { service, store } = setUp();
			const Name = "/platform/production/postgres/main/host";
			store.values.set(Name, { Name, Type: "String", Value: "shared" });
			const lookup = { application: "platform", path: ["host"] };

			await expect(service.getMany([lookup])).resolves.toEqual(["shared"]);

			expect(service.get(lookup)).toBe("shared");
		});

		it("reads by name what a start without recursion did not reach", async () => {
			const { service, store } = setUp({ shouldUseRecursiveLoading: false });

			await service.getMany([{ path: ["nowhere"] }]);

			expect(store.reads).toHaveLength(1);
		});
	});

	describe("when loading on demand", () => {
		it("asks again neither for what it found nor for what it found missing", async () => {
			const { service, store } = setUp({ shouldLoadOnDemand: true });
			const lookups = [HOST, { path: ["nowhere"] }];

			await service.getMany(lookups);
			await service.getMany(lookups);

			expect(store.reads).toHaveLength(1);
		});

		it("reads all together when one is not known, so that none is older than the others", async () => {
			const { service, store } = setUp({ shouldLoadOnDemand: true });
			await service.getMany([HOST]);
			store.put("host", "db-2");

			await expect(service.getMany([HOST, PORT])).resolves.toEqual(["db-2", "5432"]);
		});
	});

	describe("with shouldRefresh", () => {
		it.each([true, false])("reads although everything is known (on demand: %s), and get serves the new value", async (isOnDemand) => {
			const { service, store } = setUp({ shouldLoadOnDemand: isOnDemand });
			await service.getMany([HOST]);
			store.put("host", "db-2");

			await expect(service.getMany([HOST], { shouldRefresh: true })).resolves.toEqual(["db-2"]);

			expect(service.get(HOST)).toBe("db-2");
		});

		it("forgets a parameter that was deleted", async () => {
			const { service, store } = setUp();
			store.values.delete(`${ROOT}/host`);

			await expect(service.getMany([HOST], { shouldRefresh: true })).resolves.toEqual([null]);

			expect(service.get(HOST)).toBeNull();
		});

		it("keeps every value when it fails", async () => {
			const { service, store } = setUp();
			jest.spyOn(store as { getParametersByName: ReadByName }, "getParametersByName").mockRejectedValue(
				new ParameterStoreUnavailableError("names", "no answer", true),
			);

			await expect(service.getMany([HOST, PORT], { shouldRefresh: true })).rejects.toBeInstanceOf(ParameterStoreUnavailableError);

			expect([service.get(HOST), service.get(PORT)]).toEqual(["db-1", "5432"]);
		});

		it("leaves what it did not ask for as it was", async () => {
			const { service, store } = setUp();
			store.put("host", "db-2");
			store.put("port", "5433");

			await service.getMany([HOST], { shouldRefresh: true });

			expect(service.get(PORT)).toBe("5432");
		});

		it("answers with what its own read found, though another one ended meanwhile", async () => {
			const { service, store } = setUp();
			store.isHeld = true;
			const first = service.getMany([HOST, PORT], { shouldRefresh: true });
			store.put("host", "db-2");
			store.put("port", "5433");
			const second = service.getMany([HOST], { shouldRefresh: true });

			store.pending[1]?.();
			await second;
			store.pending[0]?.();

			await expect(first).resolves.toEqual(["db-1", "5432"]);
		});

		it("does not let a slow old answer replace a fast new one", async () => {
			const { service, store } = setUp();
			store.isHeld = true;
			const first = service.getMany([HOST], { shouldRefresh: true });
			store.put("host", "db-2");
			const second = service.getMany([HOST], { shouldRefresh: true });

			store.pending[1]?.();
			await second;
			store.pending[0]?.();
			await first;

			expect(service.get(HOST)).toBe("db-2");
		});

		it("lets get serve the former value until the answer is there", async () => {
			const { service, store } = setUp();
			store.put("host", "db-2");
			store.isHeld = true;

			const refresh = service.getMany([HOST], { shouldRefresh: true });
			const meanwhile = service.get(HOST);
			store.pending[0]?.();
			await refresh;

			expect(meanwhile).toBe("db-1");
			expect(service.get(HOST)).toBe("db-2");
		});
	});

	it("refuses a StringList, and keeps the other values it read", async () => {
		const { service, store } = setUp({ shouldLoadOnDemand: true });
		store.put("hosts", "canary-a,canary-b", "StringList");

		const error: unknown = await service.getMany([{ path: ["hosts"] }, PORT]).catch((reason: unknown) => reason);

		expect(error).toBeInstanceOf(ParameterInvalidError);
		expect(inspect(error)).toContain(`${ROOT}/hosts`);
		expect(inspect(error)).not.toContain("canary");
		expect(service.get(PORT)).toBe("5432");
		expect(() => service.get({ path: ["hosts"] })).toThrow(ParameterInvalidError);
	});

	describe("of a service made without a store", () => {
		it.each([true, false])("finds in the given parameters all there is (refresh: %s)", async (shouldRefresh) => {
			const service = new ParameterStoreConfigService({ ...PROPERTIES, shouldLoadOnDemand: true }, [
				{ Name: `${ROOT}/host`, Value: "db" },
			]);

			await expect(service.getMany([HOST, PORT], { shouldRefresh })).resolves.toEqual(["db", null]);
		});
	});
});

/** A store that can also be read as a whole, and can be down. */
class TreeStore extends StubStore {
	error: Error | undefined;
	readonly treeReads: string[] = [];

	override readonly getParametersByName: ReadByName = async (names, options) => {
		this.reads.push({ names, options });
		if (this.error !== undefined) throw this.error;
		return Promise.resolve(names.flatMap((name) => this.values.get(name) ?? []));
	};

	readonly getParametersByPath: ParameterStoreService["getParametersByPath"] = async (...read) => {
		this.treeReads.push(JSON.stringify(read));
		if (this.error !== undefined) throw this.error;
		return Promise.resolve([...this.values.values()].filter(({ Name }) => Name?.startsWith("/shop/production/")));
	};
}

const OUTAGE = new ParameterStoreUnavailableError("path", "throttled", true);
const ELSEWHERE = { environment: "staging", path: ["host"] };

function setUpTree(changes: Partial<IParameterStoreConfigProperties> = {}): {
	readonly clock: FakeClock;
	readonly log: string[];
	readonly service: ParameterStoreConfigService;
	readonly store: TreeStore;
	readonly warnings: string[];
} {
	const clock = new FakeClock();
	const store = new TreeStore();
	store.put("host", "db-1");
	store.put("port", "5432");
	const loaded = changes.shouldLoadOnDemand === true ? [] : [...store.values.values()];
	const service = new ParameterStoreConfigService({ ...PROPERTIES, ...changes }, loaded, store, clock);
	const log: string[] = [];
	service.changes$.subscribe({
		complete: () => log.push("complete"),
		next: ({ kind, path }) => log.push(`${kind} ${path.replace(`${ROOT}/`, "")}`),
	});
	const warnings: string[] = [];
	jest.spyOn(Logger.prototype, "warn").mockImplementation((message: string) => void warnings.push(message));
	return { clock, log, service, store, warnings };
}

describe("refresh", () => {
	it("reads the whole tree again as the properties say, and tells what is different", async () => {
		const { log, service, store } = setUpTree({ isVerbose: true, shouldDecryptParameters: true, shouldUseRecursiveLoading: true });
		store.put("host", "db-2");
		store.values.delete(`${ROOT}/port`);
		store.put("name", "orders");

		await service.refresh();

		expect(store.treeReads).toEqual(['["/shop/production",true,true,true]']);
		expect([service.get(HOST), service.get(PORT), service.get({ path: ["name"] })]).toEqual(["db-2", null, "orders"]);
		expect([...log].sort()).toEqual(["added name", "changed host", "removed port"]);
	});

	it("tells nothing where nothing is different, and no value ever", async () => {
		const { log, service, store } = setUpTree();
		await service.refresh();
		const before = [...log];
		store.put("password", "canary", "SecureString");
		const events: unknown[] = [];
		service.changes$.subscribe((change) => events.push(change));

		await service.refresh();

		expect(before).toEqual([]);
		expect(events).toEqual([{ kind: "added", path: `${ROOT}/password` }]);
	});

	it("tells when a parameter becomes one of another type", async () => {
		const { log, service, store } = setUpTree();
		store.put("host", "db-1", "SecureString");

		await service.refresh();

		expect(log).toEqual(["changed host"]);
	});

	it("also reads what getMany has found outside of the tree", async () => {
		const { log, service, store } = setUpTree();
		const Name = "/shop/staging/postgres/main/host";
		store.values.set(Name, { Name, Type: "String", Value: "old" });
		await service.getMany([ELSEWHERE]);
		store.values.set(Name, { Name, Type: "String", Value: "new" });

		await service.refresh();

		expect(service.get(ELSEWHERE)).toBe("new");
		expect(log).toEqual([`changed ${Name}`]);
	});

	it("reads just what getMany has asked for when loading on demand", async () => {
		const { log, service, store } = setUpTree({ shouldLoadOnDemand: true });
		await service.getMany([HOST, { path: ["none"] }]);
		store.put("host", "db-2");
		store.put("none", "there now");

		await service.refresh();

		expect(store.reads.at(-1)?.names).toEqual([`${ROOT}/host`, `${ROOT}/none`]);
		expect(store.treeReads).toEqual([]);
		expect(log).toEqual(["changed host", "added none"]);
	});

	it("shares one read among concurrent callers", async () => {
		const { service, store } = setUpTree();

		await Promise.all([service.refresh(), service.refresh()]);
		await service.refresh();

		expect(store.treeReads).toHaveLength(2);
	});

	it("leaves everything as it was after a failure", async () => {
		const { log, service, store } = setUpTree();
		store.put("host", "db-2");
		store.error = OUTAGE;

		await expect(service.refresh()).rejects.toBe(OUTAGE);

		expect(service.get(HOST)).toBe("db-1");
		expect(log).toEqual([]);
	});

	it("does nothing without a store", async () => {
		const service = new ParameterStoreConfigService(PROPERTIES, [{ Name: `${ROOT}/host`, Type: "String", Value: "db" }]);

		await service.refresh();

		expect(service.get(HOST)).toBe("db");
	});
});

describe("values past cacheTtlMs", () => {
	it("are given once more by get, while everything is read again behind it", async () => {
		const { clock, log, service, store } = setUpTree({ cacheTtlMs: 1_000 });
		store.put("host", "db-2");
		await clock.advance(999);
		service.get(HOST);
		const early = store.treeReads.length;
		await clock.advance(1);

		const stale = [service.get(HOST), service.get(PORT)];
		await clock.advance(0);

		expect(early).toBe(0);
		expect(stale).toEqual(["db-1", "5432"]);
		expect(service.get(HOST)).toBe("db-2");
		expect(store.treeReads).toHaveLength(1);
		expect(log).toEqual(["changed host"]);
	});

	it("include the knowledge that a parameter does not exist", async () => {
		const { clock, service, store } = setUpTree({ cacheTtlMs: 1_000 });
		store.put("name", "orders");
		await clock.advance(1_000);

		const before = service.get({ path: ["name"] });
		await clock.advance(0);

		expect([before, service.get({ path: ["name"] })]).toEqual([null, "orders"]);
	});

	it("are waited for by getMany", async () => {
		const { clock, service, store } = setUpTree({ cacheTtlMs: 1_000 });
		store.put("host", "db-2");
		await clock.advance(999);
		const before = await service.getMany([HOST]);
		await clock.advance(1);

		const after = await service.getMany([HOST]);

		expect([before, after]).toEqual([["db-1"], ["db-2"]]);
		expect(store.reads).toHaveLength(1);
	});

	it("are young again after each read", async () => {
		const { clock, service, store } = setUpTree({ cacheTtlMs: 1_000 });
		await clock.advance(600);
		await service.refresh();
		await clock.advance(600);

		service.get(HOST);
		service.get({ path: ["none"] });
		await clock.advance(0);

		expect(store.treeReads).toHaveLength(1);
	});

	it("stay while Systems Manager does not answer, which one warning tells", async () => {
		const { clock, service, store, warnings } = setUpTree({ cacheTtlMs: 1_000 });
		store.put("host", "db-2");
		store.error = OUTAGE;
		await clock.advance(1_000);

		const during = [...(await service.getMany([HOST])), ...(await service.getMany([HOST])), service.get(HOST)];
		const early = store.reads.length + store.treeReads.length;
		await clock.advance(5_000);
		during.push(service.get(HOST));
		await clock.advance(0);
		const late = store.reads.length + store.treeReads.length;
		store.error = undefined;
		await clock.advance(5_000);

		await expect(service.getMany([HOST])).resolves.toEqual(["db-2"]);
		expect(during).toEqual(["db-1", "db-1", "db-1", "db-1"]);
		expect([early, late]).toEqual([1, 2]);
		expect(warnings).toEqual([`Parameters stay as they were read last. ${OUTAGE.message}`]);
	});

	it("are warned of again in the next outage", async () => {
		const { clock, service, store, warnings } = setUpTree({ cacheTtlMs: 1_000 });
		for (let outage = 1; outage <= 2; outage++) {
			store.error = OUTAGE;
			await clock.advance(6_000);
			await service.getMany([HOST]);
			store.error = undefined;
			await service.refresh();
		}

		expect(warnings).toHaveLength(2);
	});

	it("do not hide a failure of getMany with shouldRefresh", async () => {
		const { clock, service, store } = setUpTree({ cacheTtlMs: 1_000 });
		store.error = OUTAGE;
		await clock.advance(1_000);

		await expect(service.getMany([HOST], { shouldRefresh: true })).rejects.toBe(OUTAGE);
		await expect(service.getMany([ELSEWHERE])).rejects.toBe(OUTAGE);
	});

	it("do not hide a fault that is none of Systems Manager", async () => {
		const { clock, service, store } = setUpTree({ cacheTtlMs: 1_000 });
		store.error = new TypeError("no");
		await clock.advance(1_000);

		await expect(service.getMany([HOST])).rejects.toBe(store.error);
	});

	it("do not exist without the option, nor without a store", async () => {
		const { clock, service, store } = setUpTree();
		const alone = new ParameterStoreConfigService({ ...PROPERTIES, cacheTtlMs: 1 }, [], undefined, clock);
		await clock.advance(1_000_000_000);

		service.get(HOST);

		expect(alone.get(HOST)).toBeNull();
		expect(store.treeReads).toEqual([]);
	});
});

it("ends changes$ with the application", () => {
	const { log, service } = setUpTree();

	service.onApplicationShutdown();

	expect(log).toEqual(["complete"]);
});
