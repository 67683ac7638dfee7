/** Who makes a client ends it. */
import { SSMClient } from "@aws-sdk/client-ssm";
import { createSsmClient, destroySsmClient } from "../../../src/parameter-store/ssm-client.js";

const PROPERTIES = { application: "shop", environment: "production", namespace: "postgres", instanceName: "main" };

/** What the SDK makes of the options. */
interface NodeHttpHandler {
	handle(request: object): Promise<unknown>;
	httpHandlerConfigs(): object;
}

describe("createSsmClient", () => {
	it("returns a ready-made client as it is", () => {
		const client = new SSMClient({ region: "eu-west-1" });

		expect(createSsmClient({ ...PROPERTIES, client })).toBe(client);
	});

	it("makes a client of the configuration", async () => {
		const client = createSsmClient({ ...PROPERTIES, config: { maxAttempts: 1, region: "eu-central-1" } });

		await expect(client.config.region()).resolves.toBe("eu-central-1");
		await expect(client.config.maxAttempts()).resolves.toBe(1);
		client.destroy();
	});

	it("limits the time of its requests", async () => {
		const client = createSsmClient({ ...PROPERTIES, config: { region: "eu-west-1" } });
		const requestHandler = client.config.requestHandler as unknown as NodeHttpHandler;

		// The handler reads its options when it is first used.
		await requestHandler.handle({ headers: {}, hostname: "127.0.0.1", port: 1, protocol: "http:" }).catch(() => undefined);

		expect(requestHandler.httpHandlerConfigs()).toMatchObject({ requestTimeout: 4_000, throwOnRequestTimeout: true });
		client.destroy();
	});
});

describe("destroySsmClient", () => {
	it("destroys a client that was made here, once", () => {
		const client = createSsmClient({ ...PROPERTIES, config: { region: "eu-west-1" } });
		const destroy = jest.spyOn(client, "destroy");

		destroySsmClient(client);
		destroySsmClient(client);

		expect(destroy).toHaveBeenCalledTimes(1);
	});

	it("leaves a ready-made client alone", () => {
		const client = new SSMClient({ region: "eu-west-1" });
		const destroy = jest.spyOn(client, "destroy");

		destroySsmClient(createSsmClient({ ...PROPERTIES, client }));

		expect(destroy).not.toHaveBeenCalled();
	});
});
