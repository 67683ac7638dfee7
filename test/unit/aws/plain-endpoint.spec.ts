/** An endpoint without TLS is spoken of, wherever it is named, unless it leads to this machine. */
import { findPlainEndpoint, warnOfPlainEndpoint } from "../../../src/aws/plain-endpoint.js";
import { createSsmClient } from "../../../src/parameter-store/ssm-client.js";
import { SecretFetcher } from "../../../src/secrets/secret-fetcher.js";
import { waitUntil } from "../../support/wait-until.js";

let warn: jest.SpyInstance;

beforeEach(() => (warn = jest.spyOn(process, "emitWarning").mockReturnValue()));

/** The SDK has warnings of its own. */
function listWarnings(): unknown[] {
	const calls = warn.mock.calls as [text: string, options?: { type?: string }][];
	return calls.filter(([, options]) => options?.type === "AwsEndpointWarning").map(([text]) => text);
}

describe("findPlainEndpoint", () => {
	it.each<[unknown, string]>([
		["http://vpce.example.com", "http://vpce.example.com"],
		["HTTP://VPCE.example.com:8080/path", "http://vpce.example.com"],
		["http://user:password@vpce.example.com", "http://vpce.example.com"],
		["http://10.0.0.1:4566", "http://10.0.0.1"],
		["http://[2001:db8::1]:4566", "http://[2001:db8::1]"],
		[new URL("http://localstack:4566"), "http://localstack"],
		[{ hostname: "localstack", path: "/", protocol: "http:" }, "http://localstack"],
		["http://localhost.example.com", "http://localhost.example.com"],
	])("finds %p", (endpoint, address) => {
		expect(findPlainEndpoint(endpoint, "SSM", {})).toBe(address);
	});

	it.each<[unknown]>([
		["https://vpce.example.com"],
		["http://localhost:4566"],
		["http://127.0.0.1:4566"],
		["http://[::1]:4566"],
		["nowhere"],
		[undefined],
		[null],
		[1],
		[{}],
	])("does not object to %p", (endpoint) => {
		expect(findPlainEndpoint(endpoint, "SSM", {})).toBeUndefined();
	});

	it("reads the environment where nothing is given", () => {
		const environment = { AWS_ENDPOINT_URL: "http://all", AWS_ENDPOINT_URL_SSM: "http://parameters" };

		expect(findPlainEndpoint(undefined, "SSM", environment)).toBe("http://parameters");
		expect(findPlainEndpoint(undefined, "SECRETS_MANAGER", environment)).toBe("http://all");
		expect(findPlainEndpoint("https://own", "SSM", environment)).toBeUndefined();
		expect(findPlainEndpoint(undefined, "SSM", { ...environment, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" })).toBeUndefined();
	});
});

describe("A warning", () => {
	it("is given once for each service and address", async () => {
		const twice = [1, 2];
		twice.forEach(() => warnOfPlainEndpoint("http://once.example.com", "SSM"));
		twice.forEach(() => warnOfPlainEndpoint("http://once.example.com", "SECRETS_MANAGER"));
		warnOfPlainEndpoint(async () => Promise.resolve({ hostname: "made.example.com", protocol: "http:" }), "SSM");
		warnOfPlainEndpoint(() => {
			throw new Error("no endpoint");
		}, "SSM");
		await waitUntil("the function was asked", () => listWarnings().length === 3);

		expect(listWarnings()).toEqual([
			expect.stringContaining("Parameter Store is asked at http://once.example.com without TLS"),
			expect.stringContaining("Secrets Manager is asked at http://once.example.com without TLS"),
			expect.stringContaining("Parameter Store is asked at http://made.example.com without TLS"),
		]);
	});

	it("is given when a client is made, and not for a ready-made one", async () => {
		createSsmClient({ config: { endpoint: "http://parameters.example.com", region: "eu-west-1" } }).destroy();
		const credentials = { accessKeyId: "AKIA", secretAccessKey: "s" };
		const fetcher = new SecretFetcher({ credentials, endpoint: "http://secrets.invalid", region: "eu-west-1" });
		await fetcher.fetch("app/database").catch(() => undefined);
		fetcher.close();
		createSsmClient({ client: { send: () => undefined } as never });

		expect(listWarnings()).toEqual([
			expect.stringContaining("Parameter Store is asked at http://parameters.example.com without TLS"),
			expect.stringContaining("Secrets Manager is asked at http://secrets.invalid without TLS"),
		]);
	});
});
