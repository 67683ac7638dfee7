/** Who reaches AWS in the same way shares a store; who closes a hold on it ends no wait of the others. */
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { type AwsClientStub, mockClient } from "aws-sdk-client-mock";

import type { ITypeOrmAwsConnectorAws } from "../../../src/aws/aws.options.js";
import { ConnectorClosedError } from "../../../src/errors/errors.js";
import type { FetchedSecret, FetchSecretOptions } from "../../../src/secrets/secret-fetcher.js";
import { SharedSecretReader, SecretStoreRegistry } from "../../../src/secrets/secret-store-registry.js";

const IDENTITY = { accessKeyId: "a", secretAccessKey: "b" };
const SETTINGS: ITypeOrmAwsConnectorAws = { credentials: IDENTITY, endpoint: "http://127.0.0.1:1", region: "eu-west-1" };

let aws: AwsClientStub<SecretsManagerClient>;

beforeEach(() => {
	aws = mockClient(SecretsManagerClient);
	aws.on(GetSecretValueCommand).resolves({ SecretString: "text", VersionId: "v1" });
});

afterEach(() => {
	aws.restore();
});

describe("SecretStoreRegistry.select", () => {
	it("gives one store for equal settings", () => {
		const sources = new SecretStoreRegistry();

		expect(sources.select({ ...SETTINGS })).toBe(sources.select({ ...SETTINGS }));
		expect(sources.select()).toBe(sources.select({}));
	});

	it.each<[string, ITypeOrmAwsConnectorAws, string | undefined]>([
		["another identity, though of the same text", { ...SETTINGS, credentials: { ...IDENTITY } }, undefined],
		["another endpoint", { ...SETTINGS, endpoint: "http://127.0.0.1:2" }, undefined],
		["another region", { ...SETTINGS, region: "eu-west-2" }, undefined],
		["a ready-made client", { ...SETTINGS, secretsManagerClient: new SecretsManagerClient({}) }, undefined],
		["another region to fall back to", SETTINGS, "eu-west-3"],
	])("gives another store for %s", (_, settings, fallbackRegion) => {
		const sources = new SecretStoreRegistry();

		expect(sources.select(settings, fallbackRegion)).not.toBe(sources.select(SETTINGS));
	});

	it("reaches AWS as the settings say, in the region to fall back to where they name none", async () => {
		const sources = new SecretStoreRegistry();

		await sources.select({ credentials: IDENTITY }, "eu-west-3").fetch("app/key");
		await sources.select(SETTINGS, "eu-west-3").fetch("app/key");

		const clients = aws.calls().map(({ thisValue }) => thisValue as SecretsManagerClient);
		await expect(Promise.all(clients.map(async ({ config }) => config.region()))).resolves.toEqual(["eu-west-3", "eu-west-1"]);
	});

	it("closes every store, and a ready-made client never", async () => {
		const client = new SecretsManagerClient({ region: "eu-west-1" });
		const destroy = jest.spyOn(client, "destroy");
		const sources = new SecretStoreRegistry();
		const stores = [sources.select(SETTINGS), sources.select({ secretsManagerClient: client })];
		await stores[1]?.fetch("app/key");

		sources.close();

		for (const store of stores) await expect(store.fetch("app/key")).rejects.toBeInstanceOf(ConnectorClosedError);
		expect(destroy).not.toHaveBeenCalled();
	});
});

describe("SharedSecretReader", () => {
	/** Answers nothing, and tells what it was given. */
	class SilentStore {
		readonly options: FetchSecretOptions[] = [];
		renewCount = 0;

		fetch(_secretId: string, options: FetchSecretOptions = {}): Promise<FetchedSecret> {
			this.options.push(options);
			return new Promise((_, reject) => options.signal?.addEventListener("abort", () => reject(new ConnectorClosedError())));
		}

		renew(): void {
			this.renewCount += 1;
		}
	}

	it("ends its own waits when it is closed, and no others", async () => {
		const store = new SilentStore();
		const [own, other] = [new SharedSecretReader(store), new SharedSecretReader(store)];
		const waits = [own.fetch("app/key"), own.fetch("app/key", { signal: new AbortController().signal })];
		other.fetch("app/key").catch(() => undefined);

		own.close();

		for (const wait of waits) await expect(wait).rejects.toBeInstanceOf(ConnectorClosedError);
		expect(store.options.map(({ signal }) => signal?.aborted)).toEqual([true, true, false]);
	});

	it("ends a wait when the caller's signal aborts", async () => {
		const store = new SilentStore();
		const caller = new AbortController();
		const wait = new SharedSecretReader(store).fetch("app/key", { signal: caller.signal, versionStage: "AWSPENDING" });

		caller.abort();

		await expect(wait).rejects.toBeInstanceOf(ConnectorClosedError);
		expect(store.options[0]?.versionStage).toBe("AWSPENDING");
	});

	it.each(["caller", "lease"])("asks as one who has left already when the %s has", async (who) => {
		const store = new SilentStore();
		const lease = new SharedSecretReader(store);
		if (who === "lease") lease.close();

		void lease.fetch("app/key", who === "caller" ? { signal: AbortSignal.abort() } : {}).catch(() => undefined);

		expect(store.options[0]?.signal?.aborted).toBe(true);
	});

	it("leaves nothing behind in the signals of a fetch that has ended", async () => {
		const caller = new AbortController();
		const [add, remove] = [jest.spyOn(caller.signal, "addEventListener"), jest.spyOn(caller.signal, "removeEventListener")];
		const store = { fetch: async () => Promise.resolve({ text: "text", versionId: "v" }), renew: () => undefined };

		await expect(new SharedSecretReader(store).fetch("app/key", { signal: caller.signal })).resolves.toMatchObject({ text: "text" });

		expect(remove.mock.calls.map(([type, listener]) => [type, listener])).toEqual(
			add.mock.calls.map(([type, listener]) => [type, listener]),
		);
		expect(add).toHaveBeenCalledTimes(1);
	});

	it("renews the clients of the store", () => {
		const store = new SilentStore();

		new SharedSecretReader(store).renew();

		expect(store.renewCount).toBe(1);
	});
});
