/** Requests to AWS end by themselves, unless their user decided otherwise. */
import { SSMClient, type SSMClientConfig } from "@aws-sdk/client-ssm";
import { withAwsClientDefaults } from "../../../src/aws/aws-client-defaults.js";

/** What the SDK makes of the options. */
interface NodeHttpHandler {
	handle(request: object): Promise<unknown>;
	httpHandlerConfigs(): object;
}

describe("withAwsClientDefaults", () => {
	it("limits connecting, the request and a silent socket", () => {
		const { requestHandler } = withAwsClientDefaults<SSMClientConfig>({});

		expect(requestHandler).toEqual({
			connectionTimeout: 2_000,
			requestTimeout: 4_000,
			socketTimeout: 4_000,
			throwOnRequestTimeout: true,
		});
	});

	it("keeps everything else of the configuration and leaves the given object as it was", () => {
		const given = { region: "eu-west-1" };

		const configuration = withAwsClientDefaults(given);

		expect(configuration).toMatchObject({ region: "eu-west-1" });
		expect(given).toEqual({ region: "eu-west-1" });
	});

	it("lets the user's own limits win", () => {
		const { requestHandler } = withAwsClientDefaults({ requestHandler: { connectionTimeout: 100, throwOnRequestTimeout: false } });

		expect(requestHandler).toMatchObject({ connectionTimeout: 100, requestTimeout: 4_000, throwOnRequestTimeout: false });
	});

	it("lets a socket be silent as long as the user lets a request take", () => {
		const { requestHandler } = withAwsClientDefaults({ requestHandler: { requestTimeout: 30_000 } });

		expect(requestHandler).toMatchObject({ requestTimeout: 30_000, socketTimeout: 30_000 });
	});

	it("lets the user's own limit of a silent socket win over that of a request", () => {
		const { requestHandler } = withAwsClientDefaults({ requestHandler: { requestTimeout: 30_000, socketTimeout: 500 } });

		expect(requestHandler).toMatchObject({ requestTimeout: 30_000, socketTimeout: 500 });
	});

	it.each([
		["a handler", { handle: () => undefined }],
		["a function that makes its options", () => undefined],
	])("leaves %s alone", (_, requestHandler) => {
		const given = { requestHandler };

		expect(withAwsClientDefaults(given)).toBe(given);
	});

	it("is understood by a client of the SDK, which still makes three attempts", async () => {
		const client = new SSMClient(withAwsClientDefaults({ region: "eu-west-1" }));

		const requestHandler = client.config.requestHandler as unknown as NodeHttpHandler;
		// The handler reads its options when it is first used.
		await requestHandler.handle({ headers: {}, hostname: "127.0.0.1", port: 1, protocol: "http:" }).catch(() => undefined);

		expect(requestHandler.httpHandlerConfigs()).toMatchObject({
			connectionTimeout: 2_000,
			requestTimeout: 4_000,
			socketTimeout: 4_000,
			throwOnRequestTimeout: true,
		});
		await expect(client.config.maxAttempts()).resolves.toBe(3);
		client.destroy();
	});
});
