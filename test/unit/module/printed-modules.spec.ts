/** A dynamic module is hashed by Nest and printed by loggers: none shows the identity or the password that it was registered with. */
import { inspect } from "node:util";

import { ParameterStoreConfigModule, SecretsManagerModule, TypeOrmAwsConnectorModule } from "../../../src/index.js";

const IDENTITY = { accessKeyId: "canary-key", secretAccessKey: "canary-secret", sessionToken: "canary-token" };
const SEGMENTS = { application: "shop", environment: "test", instanceName: "main", namespace: "postgres" };

it.each([
	["ParameterStoreConfigModule", () => ParameterStoreConfigModule.register({ ...SEGMENTS, config: { credentials: IDENTITY } })],
	["SecretsManagerModule", () => SecretsManagerModule.register({ aws: { credentials: IDENTITY } })],
	[
		"TypeOrmAwsConnectorModule",
		() =>
			TypeOrmAwsConnectorModule.register({
				aws: { credentials: IDENTITY },
				entities: [],
				password: "canary-password",
				username: "app",
			}),
	],
])("%s", (_, register) => {
	const dynamicModule = register();
	const texts = [
		JSON.stringify(dynamicModule),
		inspect(dynamicModule, { depth: 12, showHidden: true }),
		// As Nest 8 to 10 make it, with the text of each function.
		JSON.stringify(dynamicModule, (__, value: unknown) => (typeof value === "function" ? String(value) : value)),
	];

	expect(texts.filter((text) => text.includes("canary"))).toEqual([]);
});
