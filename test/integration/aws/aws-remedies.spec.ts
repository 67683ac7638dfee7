/** Every fault of AWS, made for real: the application's error and the doctor name the same cause and the same command. */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createListener } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Logger } from "@nestjs/common";

import type { Diagnosis } from "../../../src/cli/diagnosis.js";
import type { TypeOrmAwsConnectorError } from "../../../src/errors/connector.error.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";
import { failureOf } from "../../support/failure-of.js";
import { runHere } from "../cli/run-cli.js";

const LOOKUPS = { databaseName: "/shop/name", host: "/shop/host", port: "/shop/port", secretId: "/shop/secret", type: "/shop/type" };
const VARIABLES = Object.entries(LOOKUPS).flatMap(([field, name]) => ["--lookup", `${field}=${name}`]);
const SECRET_ID = "shop/database";
/** A request without an identity, with a role to be taken by the token of a pod. */
const POD_ROLE = "arn:aws:iam::123456789012:role/shop-role";

let aws: FakeAws;
let folder: string;
const servers: Server[] = [];

beforeAll(async () => {
	aws = await startFakeAws();
	folder = await mkdtemp(join(tmpdir(), "remedies-"));
	await writeFile(join(folder, "token"), "a.pod.token");
	const values = { databaseName: "shop", host: "127.0.0.1", port: "1", secretId: SECRET_ID, type: "postgres" };
	for (const [field, value] of Object.entries(values)) aws.parameters.put(LOOKUPS[field as keyof typeof LOOKUPS], value);
	aws.secrets.put(SECRET_ID, { password: "one", username: "app" });
});

afterEach(() => {
	aws.faults.clear();
	for (const server of servers.splice(0)) {
		server.closeAllConnections();
		server.close();
	}
});

afterAll(async () => {
	await aws.stop();
	await rm(folder, { recursive: true });
});

/** The endpoint, an identity, a region; `undefined` takes one away. */
function describeEnvironment(changes: Readonly<Record<string, string | undefined>>): Record<string, string> {
	const given = { ...aws.env, AWS_CONFIG_FILE: join(folder, "none"), AWS_SHARED_CREDENTIALS_FILE: join(folder, "none"), ...changes };
	return Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** What the application fails with at its start. An application that waits for AWS to stop throttling is closed. */
async function start(environment: Readonly<Record<string, string>>): Promise<TypeOrmAwsConnectorError> {
	const before = { ...process.env };
	Object.assign(process.env, environment);
	const connector = new TypeOrmAwsConnectorService(undefined, undefined, { entities: [], ssmLookups: LOOKUPS });
	jest.spyOn(Logger.prototype, "warn").mockImplementation((message: unknown) => {
		if (String(message).includes("AWS throttles requests")) connector.close();
	});
	try {
		return (await failureOf(connector.getTypeOrmOptions())) as TypeOrmAwsConnectorError;
	} finally {
		connector.close();
		process.env = before;
	}
}

/** The problem that has a remedy about AWS. */
async function diagnose(environment: Readonly<Record<string, string>>): Promise<Diagnosis["problems"]> {
	const { stdout } = await runHere(["doctor", ...VARIABLES, "--json"], environment);
	return (JSON.parse(stdout) as Diagnosis).problems;
}

/** What application and doctor say of one fault. */
interface Findings {
	readonly application: { readonly isTransient: boolean; readonly message: string; readonly remedy: string | undefined };
	readonly doctor: Diagnosis["problems"][number] | undefined;
}

async function findFaults(changes: Readonly<Record<string, string | undefined>> = {}): Promise<Findings> {
	const environment = describeEnvironment(changes);
	const { code, isTransient, message, remedy } = await start(environment);
	const problems = await diagnose(environment);
	return { application: { isTransient, message, remedy }, doctor: problems.find((problem) => problem.code === code) };
}

/** The same where AWS is waited for to the deadline: both wait at the same time. */
async function findFaultsOfSilence(changes: Readonly<Record<string, string | undefined>>): Promise<Findings> {
	const environment = describeEnvironment(changes);
	const before = { ...process.env };
	try {
		const [{ code, isTransient, message, remedy }, problems] = await Promise.all([start(environment), diagnose(environment)]);
		return { application: { isTransient, message, remedy }, doctor: problems.find((problem) => problem.code === code) };
	} finally {
		process.env = before;
	}
}

/** One cause and one remedy in both. The application's message ends in the remedy, the doctor's is without it. */
function describeBoth({
	cause,
	isTransient,
	label,
	remedy,
}: {
	cause: RegExp;
	isTransient: boolean;
	label?: string;
	remedy: RegExp;
}): object {
	const message = expect.stringMatching(cause) as string;
	const whole = expect.stringMatching(new RegExp(`${cause.source}.*${remedy.source.replace(/^\^/, "")}`, "s")) as string;
	const advice = expect.stringMatching(remedy) as string;
	return {
		application: { isTransient, message: whole, remedy: advice },
		doctor: { message, remedy: advice, ...(label !== undefined && { label }) },
	};
}

async function serve(listener: RequestListener): Promise<string> {
	const server = createServer(listener);
	servers.push(server);
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

/** The token service answers every request with this error. */
async function failSts(status: number, code: string, message: string): Promise<Record<string, string | undefined>> {
	const url = await serve((request, response) => {
		request.resume();
		response.writeHead(status, { "content-type": "text/xml" });
		response.end(
			`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code>` +
				`<Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`,
		);
	});
	return {
		AWS_ACCESS_KEY_ID: undefined,
		AWS_ENDPOINT_URL_STS: url,
		AWS_MAX_ATTEMPTS: "1",
		AWS_ROLE_ARN: POD_ROLE,
		AWS_SECRET_ACCESS_KEY: undefined,
		AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, "token"),
	};
}

describe("the identity", () => {
	it("of a role that may not be assumed is a matter of its trust policy", async () => {
		const message = `Not authorized to perform sts:AssumeRoleWithWebIdentity on resource: ${POD_ROLE}`;
		expect(await findFaults(await failSts(403, "AccessDenied", message))).toMatchObject(
			describeBoth({
				cause: /Not authorized to perform sts:AssumeRoleWithWebIdentity/,
				isTransient: false,
				remedy: /trust policy .* aws iam get-role --role-name shop-role --query Role\.AssumeRolePolicyDocument$/,
			}),
		);
	});

	it.each(["InvalidIdentityToken", "IDPCommunicationError"])("of a pod whose token STS cannot check (%s) passes", async (code) => {
		expect(await findFaults(await failSts(400, code, "Couldn't retrieve verification key from your identity provider"))).toMatchObject(
			describeBoth({
				cause: /Couldn't retrieve verification key/,
				isTransient: true,
				remedy: /aws iam list-open-id-connect-providers$/,
			}),
		);
	});

	it("is asked for where STS is switched off", async () => {
		expect(
			await findFaults(await failSts(403, "RegionDisabledException", "STS is not activated in this region for account:1")),
		).toMatchObject(
			describeBoth({
				cause: /STS is not activated in this region/,
				isTransient: false,
				remedy: /aws account get-region-opt-status/,
			}),
		);
	});

	it("is not there", async () => {
		expect(await findFaults({ AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined })).toMatchObject(
			describeBoth({
				cause: /Could not load credentials from any providers/,
				isTransient: false,
				remedy: /aws sts get-caller-identity$/,
			}),
		);
	});

	it("is waited for in vain where its agent does not answer: Parameter Store is not to blame", async () => {
		const url = await serve((request) => void request.resume());
		expect(
			await findFaultsOfSilence({
				AWS_ACCESS_KEY_ID: undefined,
				AWS_CONTAINER_CREDENTIALS_FULL_URI: url,
				AWS_SECRET_ACCESS_KEY: undefined,
			}),
		).toMatchObject(
			describeBoth({
				cause: /(?:no AWS identity was there in time, so the service was not asked|Could not load credentials)/,
				isTransient: true,
				remedy: /AWS_CONTAINER_CREDENTIALS_FULL_URI.* aws sts get-caller-identity$/,
			}),
		);
	}, 60_000);

	it("has expired", async () => {
		aws.faults.inject({ kind: "expired-token", service: "ssm" });
		expect(await findFaults()).toMatchObject(
			describeBoth({ cause: /ExpiredTokenException/, isTransient: true, remedy: /aws sso login/ }),
		);
	});
});

describe("the place", () => {
	it("has no region", async () => {
		expect(await findFaults({ AWS_REGION: undefined })).toMatchObject(
			describeBoth({
				cause: /Region is missing/,
				isTransient: false,
				remedy: /AWS_DEFAULT_REGION.*aws\.region.*--region.* aws configure get region$/,
			}),
		);
	});

	it("is taken from AWS_DEFAULT_REGION as well", async () => {
		const environment = describeEnvironment({ AWS_DEFAULT_REGION: "eu-central-1", AWS_REGION: undefined });
		aws.secrets.put(SECRET_ID, { password: "one", username: "app" });

		const problems = await diagnose(environment);

		expect(problems.map(({ code }) => code)).toEqual(["ECONNREFUSED"]);
		expect(aws.calls.list.at(-1)).toMatchObject({ region: "eu-central-1" });
	});

	it("refuses connections at each of its addresses", async () => {
		const listener = createListener().listen(0, "127.0.0.1");
		await once(listener, "listening");
		const { port } = listener.address() as AddressInfo;
		listener.close();
		await once(listener, "close");

		expect(await findFaults({ AWS_ENDPOINT_URL_SSM: `http://localhost:${String(port)}`, AWS_MAX_ATTEMPTS: "1" })).toMatchObject(
			describeBoth({ cause: /ECONNREFUSED/, isTransient: true, remedy: /AWS_ENDPOINT_URL/ }),
		);
	});

	it("answers as an emulator that writes dates as text", async () => {
		const url = await serve((request, response) => {
			request.resume();
			response.writeHead(200, { "content-type": "application/x-amz-json-1.1" });
			const parameter = { LastModifiedDate: "2026-12-01T09:00:00Z", Name: "/shop/host", Type: "String", Value: "db", Version: 1 };
			response.end(JSON.stringify({ Parameters: [parameter] }));
		});
		expect(await findFaults({ AWS_ENDPOINT_URL_SSM: url, AWS_MAX_ATTEMPTS: "1" })).toMatchObject(
			describeBoth({
				cause: /the response is not in the form of AWS \(TypeError\)/,
				isTransient: true,
				remedy: /emulator that writes dates as text/,
			}),
		);
	});
});

describe("the parameters", () => {
	it("are in another place: one sentence, and not one for each of them", async () => {
		aws.faults.inject({ kind: "not-found", service: "ssm" });

		const { message } = await start(describeEnvironment({}));

		const [first, ...others] = message.split("\n");
		expect(first).toMatch(/none of these parameters exists\. Look at the path, the region and the account; .* npx \S+ provision$/);
		expect(others).toEqual(
			[LOOKUPS.host, LOOKUPS.port, LOOKUPS.secretId, LOOKUPS.databaseName, LOOKUPS.type].map((path) =>
				expect.stringMatching(new RegExp(`^ {2}- "[\\w-]+" was not found at "${path}"$`)),
			),
		);
	});
});

describe("the permission", () => {
	it("for parameters", async () => {
		aws.faults.inject({ kind: "denied", service: "ssm" });
		expect(await findFaults()).toMatchObject(
			describeBoth({
				cause: /not authorized to perform: ssm:GetParameters/,
				isTransient: false,
				remedy: /^Allow ssm:GetParameters on these parameters; .* npx nestjs-typeorm-aws-connector policy\..* aws sts get-caller-identity$/,
			}),
		);
	});

	it("for the key of a SecureString", async () => {
		const errorMessage = "The ciphertext refers to a customer master key that does not exist, or you are not allowed to access.";
		aws.faults.inject({ errorMessage, errorName: "AccessDeniedException", kind: "custom-error", service: "ssm" });
		expect(await findFaults()).toMatchObject(
			describeBoth({
				cause: /ciphertext refers/,
				isTransient: false,
				remedy: /kms:Decrypt.*--parameter-kms-key.* aws ssm describe-parameters/,
			}),
		);
	});

	it("for the key of a secret, which is of the kind decryption", async () => {
		aws.faults.inject({
			errorMessage: "Access to KMS is not allowed",
			errorName: "AccessDeniedException",
			kind: "custom-error",
			service: "secretsmanager",
		});
		expect(await findFaults()).toMatchObject(
			describeBoth({
				cause: /Access to KMS is not allowed/,
				isTransient: false,
				label: "secret-id",
				remedy: /kms:Decrypt.*--secret-kms-key.* aws secretsmanager describe-secret --secret-id shop\/database --query KmsKeyId$/,
			}),
		);
		expect(await start(describeEnvironment({}))).toMatchObject({ kind: "decryption" });
	});

	it("for the secret", async () => {
		aws.faults.inject({ kind: "denied", service: "secretsmanager" });
		expect(await findFaults()).toMatchObject(
			describeBoth({
				cause: /secretsmanager:GetSecretValue/,
				isTransient: false,
				label: "secret-id",
				remedy: /^Allow secretsmanager:GetSecretValue on this secret; /,
			}),
		);
	});
});

describe("the secret", () => {
	it("has a name that is misspelt: the region that was asked and what names it are said", async () => {
		aws.parameters.put(LOOKUPS.secretId, "shop/databsae");
		const environment = describeEnvironment({});

		const error = await start(environment);
		const [problem] = await diagnose(environment);
		aws.parameters.put(LOOKUPS.secretId, SECRET_ID);

		expect(error.message).toMatch(/^Secret "shop\/databsae" was not found in region eu-west-1\. Its name comes from \/shop\/secret\. /);
		expect(problem).toMatchObject({
			label: "secret-id",
			message: expect.stringMatching(/was not found in region eu-west-1\./),
			path: LOOKUPS.secretId,
			remedy: expect.stringContaining("aws secretsmanager create-secret --name shop/databsae"),
		});
	});

	it("is marked for deletion", async () => {
		const errorMessage = "You can't perform this operation on the secret because it was marked for deletion.";
		aws.faults.inject({ errorMessage, errorName: "InvalidRequestException", kind: "custom-error", service: "secretsmanager" });
		expect(await findFaults()).toMatchObject(
			describeBoth({
				cause: /marked for deletion/,
				isTransient: false,
				label: "secret-id",
				remedy: /aws secretsmanager restore-secret --secret-id shop\/database$/,
			}),
		);
	});

	it("is throttled", async () => {
		aws.faults.inject({ kind: "throttle", service: "secretsmanager" });
		expect(await findFaults()).toMatchObject(
			describeBoth({ cause: /Rate exceeded/, isTransient: true, label: "secret-id", remedy: /raise the quota/ }),
		);
	});

	it("is throttled for a while: the start waits", async () => {
		const fault = aws.faults.inject({ kind: "throttle", service: "secretsmanager" });
		const warn = jest.spyOn(Logger.prototype, "warn").mockImplementation((message: unknown) => {
			if (/AWS throttles requests/.test(String(message))) fault.clear();
		});
		const environment = describeEnvironment({});
		const before = { ...process.env };
		Object.assign(process.env, environment);
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, { entities: [], ssmLookups: LOOKUPS });

		await expect(connector.getTypeOrmOptions()).resolves.toMatchObject({ username: "app" });
		connector.close();
		process.env = before;

		expect(warn).toHaveBeenCalledWith(expect.stringMatching(/AWS throttles requests\. They are repeated for up to 60 s\./));
	});
});
