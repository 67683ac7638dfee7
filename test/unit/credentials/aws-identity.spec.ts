/** The AWS identity is kept as long as it is valid and looked at before it signs: one that has expired is asked for once more, and then said to be the fault. */
import { fetchIdentity } from "../../../src/credentials/aws-identity.js";
import { ConnectorTimeoutError, SecretUnavailableError } from "../../../src/errors/errors.js";
import { forgetIdentity } from "../../../src/secrets/aws-identity-cache.js";
import { failureOf } from "../../support/failure-of.js";

const MINUTE_MS = 60_000;
const KEYS = { accessKeyId: "AKIA", secretAccessKey: "secret" };
const REGION = "eu-west-1";

function expiresIn(durationMs: number): typeof KEYS & { readonly expiration: Date } {
	return { ...KEYS, expiration: new Date(Date.now() + durationMs) };
}

describe("fetchIdentity", () => {
	it("takes an identity as it is", async () => {
		await expect(fetchIdentity(KEYS, REGION)).resolves.toMatchObject(KEYS);
	});

	it("asks a provider once as long as the identity is valid, and tells it the region", async () => {
		const provider = jest.fn().mockResolvedValue(expiresIn(60 * MINUTE_MS));

		const identities = [await fetchIdentity(provider, REGION), await fetchIdentity(provider, REGION)];

		expect(identities).toMatchObject([KEYS, KEYS]);
		expect(provider).toHaveBeenCalledTimes(1);
		const [{ callerClientConfig }] = provider.mock.calls[0] as [{ callerClientConfig: { region: () => Promise<string> } }];
		await expect(callerClientConfig.region()).resolves.toBe(REGION);
	});

	it("asks for each region, since that may be where a role is assumed", async () => {
		const provider = jest.fn().mockResolvedValue(expiresIn(60 * MINUTE_MS));

		for (const region of [REGION, "us-east-1"]) await fetchIdentity(provider, region);

		expect(provider).toHaveBeenCalledTimes(2);
	});

	it("asks again shortly before it expires", async () => {
		const provider = jest.fn().mockImplementation(async () => Promise.resolve(expiresIn(4 * MINUTE_MS)));
		await fetchIdentity(provider, REGION);
		provider.mockClear();

		await fetchIdentity(provider, REGION);

		expect(provider).toHaveBeenCalled();
	});

	it("asks a provider past its own cache when what that holds has expired", async () => {
		const provider = async (properties: { readonly forceRefresh?: boolean } = {}): Promise<typeof KEYS> =>
			Promise.resolve(expiresIn(properties.forceRefresh === true ? MINUTE_MS : -1));

		const identity = await fetchIdentity(provider, REGION);

		expect(identity.expiration?.getTime()).toBeGreaterThan(Date.now());
	});

	it.each([
		["a constant one", { ...KEYS, expiration: new Date(Date.UTC(2026, 0, 2)) }, false],
		["one of a provider", async () => Promise.resolve({ ...KEYS, expiration: new Date(Date.UTC(2026, 0, 2)) }), true],
	])("says so when the identity stays expired: %s", async (_, credentials, isTransient) => {
		const failure = await failureOf(fetchIdentity(credentials, REGION, () => Date.UTC(2026, 0, 2)));

		expect(failure).toBeInstanceOf(SecretUnavailableError);
		expect(failure).toMatchObject({
			isTransient,
			message: "No login token could be signed: the AWS identity expired at 2026-01-02T00:00:00.000Z and was not renewed.",
			secretId: undefined,
		});
	});

	it("says why there is none", async () => {
		const cause = Object.assign(new Error("Could not load credentials from any providers"), { name: "CredentialsProviderError" });

		const failure = await failureOf(fetchIdentity(async () => Promise.reject(cause), REGION));

		expect(failure).toBeInstanceOf(SecretUnavailableError);
		expect(failure).toMatchObject({
			isTransient: false,
			message: expect.stringMatching(
				/^No login token could be signed: Could not load credentials from any providers \(CredentialsProviderError\)\./,
			),
			remedy: expect.stringContaining("get-caller-identity"),
		});
	});

	it("does not wait for ever, and begins afresh afterwards", async () => {
		jest.useFakeTimers({ doNotFake: ["setImmediate"] });
		const provider = jest
			.fn()
			.mockReturnValueOnce(new Promise(() => undefined))
			.mockResolvedValueOnce(KEYS);
		const failure = failureOf(fetchIdentity(provider, REGION));

		await jest.advanceTimersByTimeAsync(10_000);
		jest.useRealTimers();

		expect(await failure).toMatchObject({
			cause: expect.any(ConnectorTimeoutError),
			isTransient: true,
			message: expect.stringMatching(/^No login token could be signed: the AWS identity was not there within 10000 ms\./),
			remedy: expect.stringContaining("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
		});
		await expect(fetchIdentity(provider, REGION)).resolves.toMatchObject(KEYS);
	});

	it("finds the identity of the process by itself, and again after it was forgotten", async () => {
		const environment = { ...process.env };
		process.env["AWS_ACCESS_KEY_ID"] = "AKIAONE";
		process.env["AWS_SECRET_ACCESS_KEY"] = "one";
		forgetIdentity(undefined);

		const first = await fetchIdentity(undefined, REGION);
		process.env["AWS_ACCESS_KEY_ID"] = "AKIATWO";
		const kept = await fetchIdentity(undefined, REGION);
		forgetIdentity(undefined);
		const renewed = await fetchIdentity(undefined, REGION);
		process.env = environment;
		forgetIdentity(undefined);

		expect([first, kept, renewed].map(({ accessKeyId }) => accessKeyId)).toEqual(["AKIAONE", "AKIAONE", "AKIATWO"]);
	});
});
