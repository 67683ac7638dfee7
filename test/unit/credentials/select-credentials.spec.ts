/** A complete login given in code makes AWS unnecessary; anything less is read from the secret. */
import type { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SecretsManagerCredentials } from "../../../src/credentials/secrets-manager-credentials.js";
import { selectCredentials } from "../../../src/credentials/select-credentials.js";
import { StaticCredentials } from "../../../src/credentials/static-credentials.js";

function createClient(): SecretsManagerClient & { readonly send: jest.Mock } {
	return { send: jest.fn().mockResolvedValue({ SecretString: '{"username":"u","password":"p"}', VersionId: "v1" }) } as never;
}

describe("selectCredentials", () => {
	it("sends no request when user name and password are given", async () => {
		const secretsManagerClient = createClient();

		const provider = selectCredentials({ aws: { secretsManagerClient }, entities: [], password: "p", username: "u" });

		expect(provider).toBeInstanceOf(StaticCredentials);
		await expect(provider.fetch("s")).resolves.toMatchObject({ password: "p", username: "u" });
		expect(secretsManagerClient.send).not.toHaveBeenCalled();
	});

	it.each([
		[{}, { password: "p", username: "u" }],
		[{ username: "given" }, { password: "p", username: "given" }],
		[{ password: "given" }, { password: "given", username: "u" }],
	])("reads the secret for what %j does not say", async (given, expected) => {
		const secretsManagerClient = createClient();

		const provider = selectCredentials({ aws: { secretsManagerClient }, entities: [], ...given });

		expect(provider).toBeInstanceOf(SecretsManagerCredentials);
		await expect(provider.fetch("s")).resolves.toMatchObject(expected);
		expect(secretsManagerClient.send).toHaveBeenCalledTimes(1);
	});
});

describe("selectCredentials and a secret that says where the database is", () => {
	const credentials = { keys: { host: "hostname" }, shouldReadEndpointFromSecret: true, source: "secrets-manager" } as const;

	it("reads the secret although the whole login is given, which wins", async () => {
		const secretsManagerClient = {
			send: jest.fn().mockResolvedValue({ SecretString: '{"username":"u","password":"p","hostname":"h"}' }),
		} as never;

		const provider = selectCredentials({ aws: { secretsManagerClient }, credentials, entities: [], password: "given", username: "me" });

		await expect(provider.fetch("s")).resolves.toMatchObject({
			password: "given",
			target: { values: { host: { key: "hostname", text: "h" } } },
			username: "me",
		});
	});

	it("reads with what it is given, and closes that", async () => {
		const secrets = {
			close: jest.fn(),
			fetch: jest.fn().mockResolvedValue({ text: '{"username":"u","password":"p"}' }),
			renew: jest.fn(),
		};

		const provider = selectCredentials({ entities: [] }, undefined, undefined, secrets);
		await provider.fetch("app/database");
		provider.close();

		expect(secrets.fetch).toHaveBeenCalledTimes(1);
		expect(secrets.close).toHaveBeenCalledTimes(1);
	});
});
