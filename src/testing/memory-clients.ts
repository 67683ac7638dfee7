/** Clients of the AWS SDK that are answered in this process: for tests that need values and no network. */
import type { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { SSMClient } from "@aws-sdk/client-ssm";

import type { Operations } from "./operations.js";
import { createParameterOperations } from "./parameter-operations.js";
import { ParameterTable } from "./parameter-table.js";
import { createSecretOperations } from "./secret-operations.js";
import { SecretVault } from "./secret-vault.js";

interface Command {
	readonly input: object;
}

const REGION = "eu-west-1";

/** A client of Parameter Store that knows these parameters, by their full names. */
export function createMemorySsmClient(values: Readonly<Record<string, string>>): SSMClient {
	const table = new ParameterTable();
	table.putMany(values);
	return createClient(createParameterOperations(table, REGION)) as unknown as SSMClient;
}

/** A client of Secrets Manager that knows these secrets, by their names; an object is stored as JSON. */
export function createMemorySecretsClient(values: Readonly<Record<string, object | string>>): SecretsManagerClient {
	const vault = new SecretVault(REGION);
	for (const [name, value] of Object.entries(values)) vault.put(name, value);
	return createClient(createSecretOperations(vault)) as unknown as SecretsManagerClient;
}

function createClient(operations: Operations): object {
	return {
		config: { region: () => Promise.resolve(REGION) },
		destroy: () => undefined,
		send: (command: Command) => Promise.resolve().then(() => answer(operations, command)),
	};
}

/** Blobs are base64 on the wire, and bytes for the caller of a client. */
function answer(operations: Operations, command: Command): object {
	const name = command.constructor.name.replace(/Command$/, "");
	const operate = operations.get(name);
	if (operate === undefined) throw new Error(`The client in memory does not know ${name}; use startFakeAws()`);
	const output = operate(command.input as never) as { SecretBinary?: string };
	return typeof output.SecretBinary === "string" ? { ...output, SecretBinary: Buffer.from(output.SecretBinary, "base64") } : output;
}
