/** Starts an endpoint on loopback that answers the unmodified AWS SDK as SSM Parameter Store and Secrets Manager. */
import { AwsEndpoint } from "./aws-endpoint.js";
import { CallLog } from "./call-log.js";
import { FaultBox } from "./faults.js";
import { createParameterOperations } from "./parameter-operations.js";
import { ParameterTable } from "./parameter-table.js";
import { Permissions } from "./permissions.js";
import { createSecretOperations } from "./secret-operations.js";
import { SecretVault } from "./secret-vault.js";

/** A running endpoint. */
export interface FakeAws {
	/** What was asked. */
	readonly calls: CallLog;
	/** Options for an SDK client of one's own: `new SSMClient(aws.clientConfig)`. */
	readonly clientConfig: {
		readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
		readonly endpoint: string;
		readonly region: string;
	};
	/** Environment variables that lead every SDK client of a process here: `Object.assign(process.env, aws.env)`. */
	readonly env: Readonly<Record<string, string>>;
	/** What goes wrong. */
	readonly faults: FaultBox;
	/** Sockets of clients that are open now. */
	readonly openConnectionCount: number;
	/** The content of Parameter Store. */
	readonly parameters: ParameterTable;
	/** What the caller may do. */
	readonly permissions: Permissions;
	/** The content of Secrets Manager. */
	readonly secrets: SecretVault;
	/** Such as `http://127.0.0.1:40123`. */
	readonly url: string;
	/** Ends the endpoint at once: requests without an answer and idle keep-alive sockets are cut. */
	stop(): Promise<void>;
}

/** How to start the endpoint. */
export interface FakeAwsOptions {
	/** Port of 127.0.0.1. Default: a free one. */
	readonly port?: number;
	/** Region in the ARNs, in `env` and in `clientConfig`. Default `eu-west-1`. */
	readonly region?: string;
}

const CREDENTIALS = { accessKeyId: "AKIATESTACCESSKEY", secretAccessKey: "test-secret-access-key" };

/**
 * Starts the endpoint on 127.0.0.1. Rejects where the port is taken.
 *
 * Spoken: JSON 1.1 with the real names of errors. SSM: GetParameter, GetParameters, GetParametersByPath, PutParameter.
 * Secrets Manager: CreateSecret, DescribeSecret, GetSecretValue, PutSecretValue, RotateSecret,
 * UpdateSecretVersionStage. Signatures are read for their region but not verified; filters and deletion windows are not
 * modelled.
 * @example
 * const aws = await startFakeAws();
 * aws.secrets.put("app/database", { username: "app", password: "one" });
 * const client = new SecretsManagerClient(aws.clientConfig);
 * await client.send(new GetSecretValueCommand({ SecretId: "app/database" }));
 * await aws.stop();
 */
export async function startFakeAws({ port, region = "eu-west-1" }: FakeAwsOptions = {}): Promise<FakeAws> {
	const parameters = new ParameterTable();
	const secrets = new SecretVault(region);
	const calls = new CallLog();
	const faults = new FaultBox();
	const services = { secretsmanager: createSecretOperations(secrets), ssm: createParameterOperations(parameters, region) };
	const permissions = new Permissions(parameters, secrets, region);
	const endpoint = new AwsEndpoint(services, calls, faults, permissions);
	const url = await endpoint.listen(port);

	return {
		calls,
		clientConfig: { credentials: CREDENTIALS, endpoint: url, region },
		env: {
			AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
			AWS_EC2_METADATA_DISABLED: "true",
			AWS_ENDPOINT_URL_SECRETS_MANAGER: url,
			AWS_ENDPOINT_URL_SSM: url,
			AWS_REGION: region,
			AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
			AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
		},
		faults,
		get openConnectionCount() {
			return endpoint.openConnectionCount;
		},
		parameters,
		permissions,
		secrets,
		stop: () => endpoint.stop(),
		url,
	};
}
