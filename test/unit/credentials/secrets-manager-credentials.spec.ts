/** The secret is read afresh each time, and what is given in code wins over it. */
import { inspect } from "node:util";
import { SecretsManagerCredentials } from "../../../src/credentials/secrets-manager-credentials.js";
import { SecretUnavailableError, ConnectorClosedError, SecretMalformedError, SecretNotFoundError } from "../../../src/errors/errors.js";
import type { FetchSecretOptions, FetchedSecret } from "../../../src/secrets/secret-fetcher.js";

class StubFetcher {
	readonly asked: { readonly secretId: string; readonly signal: AbortSignal | undefined; readonly versionStage: string | undefined }[] =
		[];
	closeCount = 0;
	renewCount = 0;

	constructor(private readonly text: string) {}

	close(): void {
		this.closeCount += 1;
	}

	async fetch(secretId: string, { signal, versionStage }: FetchSecretOptions = {}): Promise<FetchedSecret> {
		this.asked.push({ secretId, signal, versionStage });
		return Promise.resolve({ text: this.text, versionId: `v${String(this.asked.length)}` });
	}

	renew(): void {
		this.renewCount += 1;
	}
}

describe("SecretsManagerCredentials", () => {
	it("reads the secret each time, with the caller's signal", async () => {
		const fetcher = new StubFetcher('{"username":"u","password":"p"}');
		const provider = new SecretsManagerCredentials(fetcher);
		const { signal } = new AbortController();

		const first = await provider.fetch("app/database", signal);
		const second = await provider.fetch("app/database");

		expect(first).toMatchObject({ password: "p", username: "u", versionId: "v1" });
		expect(second.versionId).toBe("v2");
		expect(fetcher.asked).toEqual([
			{ secretId: "app/database", signal, versionStage: undefined },
			{ secretId: "app/database", signal: undefined, versionStage: undefined },
		]);
	});

	it("lets a value given in code win", async () => {
		const provider = new SecretsManagerCredentials(new StubFetcher('{"username":"u","password":"p"}'), { password: "given" });

		await expect(provider.fetch("s")).resolves.toMatchObject({ password: "given", username: "u", versionId: "v1" });
	});

	it("reads a version by its label, with what is given in code in it", async () => {
		const fetcher = new StubFetcher('{"username":"u","password":"p"}');
		const { signal } = new AbortController();

		const pending = await new SecretsManagerCredentials(fetcher, { username: "given" }).fetchVersion(
			"AWSPENDING",
			"app/database",
			signal,
		);

		expect(pending).toMatchObject({ password: "p", username: "given", versionId: "v1" });
		expect(fetcher.asked).toEqual([{ secretId: "app/database", signal, versionStage: "AWSPENDING" }]);
	});

	it("has no login for a label whose version cannot be read or used", async () => {
		const unreadable = { close: jest.fn(), fetch: jest.fn().mockRejectedValue(new Error("denied")), renew: jest.fn() };

		await expect(new SecretsManagerCredentials(unreadable).fetchVersion("AWSPENDING", "s")).resolves.toBeUndefined();
		await expect(new SecretsManagerCredentials(new StubFetcher("[]")).fetchVersion("AWSPREVIOUS", "s")).resolves.toBeUndefined();
	});

	describe("when a version with a label fails", () => {
		/** What is said when the fetches fail one after the other as given. */
		async function listWarnings(...errors: readonly Error[]): Promise<string[]> {
			const warnings: string[] = [];
			const fetch = jest.fn<Promise<FetchedSecret>, []>();
			for (const error of errors) fetch.mockRejectedValueOnce(error);
			const provider = new SecretsManagerCredentials({ close: jest.fn(), fetch, renew: jest.fn() }, {}, (message) =>
				warnings.push(message),
			);
			for (let time = 0; time < errors.length; time += 1) await provider.fetchVersion("AWSPENDING", "app/database");
			return warnings;
		}

		it("warns once, with the reason and what follows from it", async () => {
			const denied = new SecretUnavailableError("app/database", "not allowed (AccessDeniedException)", false);

			await expect(listWarnings(denied, denied)).resolves.toEqual([
				'AWSPENDING of secret "app/database" cannot be read; a single-user rotation is then waited out. ' +
					'Secret "app/database" could not be loaded: not allowed (AccessDeniedException).',
			]);
		});

		it.each([
			["does not exist", new SecretNotFoundError("app/database")],
			["has no value yet", new SecretMalformedError("app/database", "empty")],
			["is not waited for any more", new ConnectorClosedError()],
		])("says nothing of one that %s", async (_, error) => {
			await expect(listWarnings(error)).resolves.toEqual([]);
		});

		it("warns of one that is no login", async () => {
			await expect(listWarnings(new SecretMalformedError("app/database", "not-object"))).resolves.toEqual([
				expect.stringContaining("must be a JSON object"),
			]);
		});

		it("quotes nothing of an error that is none of ours", async () => {
			await expect(listWarnings(new Error("canary"))).resolves.toEqual([
				'AWSPENDING of secret "app/database" cannot be read; a single-user rotation is then waited out.',
			]);
		});
	});

	it("names the secret that is malformed", async () => {
		const provider = new SecretsManagerCredentials(new StubFetcher("[]"));

		await expect(provider.fetch("app/database")).rejects.toEqual(new SecretMalformedError("app/database", "not-object"));
	});

	it("renews and closes what it fetches with", () => {
		const fetcher = new StubFetcher("");
		const provider = new SecretsManagerCredentials(fetcher);

		provider.renew();
		provider.close();

		expect(fetcher).toMatchObject({ closeCount: 1, renewCount: 1 });
	});

	it("does not show what is given in code to who prints it", () => {
		const provider = new SecretsManagerCredentials(new StubFetcher(""), { password: "canary" });

		expect(inspect(provider, { depth: 10, showHidden: true })).not.toContain("canary");
	});
});

describe("SecretsManagerCredentials and where the database is", () => {
	const TEXT = '{"user":"u","password":"p","host":"db.example.com"}';
	const keys = { username: "user" };

	it("reads it when it is to", async () => {
		const provider = new SecretsManagerCredentials(new StubFetcher(TEXT), {}, undefined, { keys, shouldReadEndpointFromSecret: true });

		const [current, pending] = [await provider.fetch("app/database"), await provider.fetchVersion("AWSPENDING", "app/database")];

		const target = { secretId: "app/database", values: { host: { key: "host", text: "db.example.com" } } };
		expect(current).toMatchObject({ password: "p", target, username: "u" });
		expect(pending?.target).toEqual(target);
	});

	it("does not look at it otherwise", async () => {
		const provider = new SecretsManagerCredentials(new StubFetcher('{"user":"u","password":"p","port":{}}'), {}, undefined, { keys });

		const { target, username } = await provider.fetch("app/database");

		expect([target, username]).toEqual([undefined, "u"]);
	});
});
