/** The AWS identity is asked for each time and looked at before it signs: one that has expired is asked for once more, and then said to be the fault. */
import { fetchIdentity } from "../../../src/credentials/aws-identity.js";
import { ConnectorTimeoutError, CredentialsUnavailableError } from "../../../src/errors/errors.js";
import { renewDefaultIdentity } from "../../../src/secrets/default-identity.js";
import { failureOf } from "../../support/failure-of.js";

const NOW_MS = Date.UTC(2026, 0, 2);
const KEYS = { accessKeyId: "AKIA", secretAccessKey: "secret" };

const now = (): number => NOW_MS;

function expiresIn(durationMs: number): typeof KEYS & { readonly expiration: Date } {
	return { ...KEYS, expiration: new Date(NOW_MS + durationMs) };
}

describe("fetchIdentity", () => {
	it("takes an identity as it is", async () => {
		await expect(fetchIdentity(KEYS, now)).resolves.toBe(KEYS);
	});

	it("asks a provider each time", async () => {
		const provider = jest.fn().mockResolvedValue(expiresIn(1));

		const identities = [await fetchIdentity(provider, now), await fetchIdentity(provider, now)];

		expect(identities).toEqual([expiresIn(1), expiresIn(1)]);
		expect(provider.mock.calls).toEqual([[], []]);
	});

	it("asks a provider past its caches when what it gave has expired", async () => {
		const provider = jest.fn().mockResolvedValueOnce(expiresIn(0)).mockResolvedValueOnce(expiresIn(60_000));

		const identity = await fetchIdentity(provider, now);

		expect(identity).toEqual(expiresIn(60_000));
		expect(provider.mock.calls).toEqual([[], [{ forceRefresh: true }]]);
	});

	it.each([
		["a constant one", expiresIn(0), false],
		["one of a provider", async () => Promise.resolve(expiresIn(0)), true],
	])("says so when the identity stays expired: %s", async (_, credentials, isTransient) => {
		const failure = await failureOf(fetchIdentity(credentials, now));

		expect(failure).toBeInstanceOf(CredentialsUnavailableError);
		expect(failure).toMatchObject({
			isTransient,
			message: "No login token could be signed: the AWS identity expired at 2026-01-02T00:00:00.000Z and was not renewed.",
			secretId: undefined,
		});
	});

	it("says why there is none", async () => {
		const cause = Object.assign(new Error("Could not load credentials from any providers"), { name: "CredentialsProviderError" });

		const failure = await failureOf(fetchIdentity(async () => Promise.reject(cause), now));

		expect(failure).toBeInstanceOf(CredentialsUnavailableError);
		expect(failure).toMatchObject({
			isTransient: false,
			message: "No login token could be signed: Could not load credentials from any providers (CredentialsProviderError).",
		});
	});

	it("does not wait for ever", async () => {
		jest.useFakeTimers({ doNotFake: ["setImmediate"] });
		const failure = failureOf(fetchIdentity(async () => new Promise(() => undefined), now));

		await jest.advanceTimersByTimeAsync(10_000);
		jest.useRealTimers();

		expect(await failure).toBeInstanceOf(ConnectorTimeoutError);
	});

	it("finds the identity of the process by itself, and again after it was renewed", async () => {
		const environment = { ...process.env };
		process.env["AWS_ACCESS_KEY_ID"] = "AKIAONE";
		process.env["AWS_SECRET_ACCESS_KEY"] = "one";
		renewDefaultIdentity();

		const first = await fetchIdentity(undefined, now);
		process.env["AWS_ACCESS_KEY_ID"] = "AKIATWO";
		const kept = await fetchIdentity(undefined, now);
		renewDefaultIdentity();
		const renewed = await fetchIdentity(undefined, now);
		process.env = environment;
		renewDefaultIdentity();

		expect([first, kept, renewed].map(({ accessKeyId }) => accessKeyId)).toEqual(["AKIAONE", "AKIAONE", "AKIATWO"]);
	});
});
