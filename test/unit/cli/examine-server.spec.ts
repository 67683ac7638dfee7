/** What keeps a connector from even looking for its server is a problem of an option, and not a crash of the doctor. */
import { SSMClient } from "@aws-sdk/client-ssm";

import { examineServers } from "../../../src/cli/examine-server.js";
import type { Session } from "../../../src/cli/open-session.js";
import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { ParameterSurvey } from "../../../src/cli/parameter-survey.js";
import { examineConnector } from "../../../src/connector/explain-connector.js";
import * as optionalPackages from "../../../src/credentials/optional-packages.js";
import { ParameterStoreService } from "../../../src/parameter-store/parameter-store.service.js";

jest.mock("../../../src/credentials/optional-packages.js", () => {
	const actual = jest.requireActual<typeof optionalPackages>("../../../src/credentials/optional-packages.js");
	return { ...actual, loadRdsSignerPackage: jest.fn(actual.loadRdsSignerPackage) };
});

const PLACE: ITypeOrmAwsConnectorConfig = { databaseName: "shop", entities: [], host: "db.internal", port: 5_432, type: "postgres" };
const RDS: ITypeOrmAwsConnectorConfig = { ...PLACE, credentials: { region: "eu-west-1", source: "rds-iam" }, username: "app" };

async function createSession(config: ITypeOrmAwsConnectorConfig): Promise<Session> {
	const examined = await examineConnector({
		config,
		connector: "default",
		load: async () => Promise.resolve(undefined),
		source: undefined,
	});
	const ssm = new SSMClient({});
	const store = new ParameterStoreService(ssm);
	const survey = new ParameterSurvey({ isOnDemand: false, segments: {}, shouldDecrypt: false, store });
	return { ...examined, config, configService: { get: () => undefined }, options: {}, region: undefined, ssm, store, survey };
}

it.each<[string, string, string, ITypeOrmAwsConnectorConfig]>([
	["the package that signs is missing", "credentials.source", "npm install @aws-sdk/rds-signer", RDS],
	["no region is known", "credentials.region", 'host "db.internal"', { ...RDS, credentials: { source: "rds-iam" } }],
	[
		"mysql2 could not check the name",
		"tls.servername",
		"is not possible with mysql2",
		{ ...PLACE, tls: { servername: "other" }, type: "mysql" },
	],
])("names the option when %s", async (reason, option, words, config) => {
	if (reason.includes("package")) jest.mocked(optionalPackages.loadRdsSignerPackage).mockReturnValueOnce(undefined);

	const examinations = await examineServers(await createSession(config));

	expect(examinations.map(({ check }) => check)).toEqual([{ detail: option, name: "server", outcome: "failed" }]);
	expect(examinations[0]?.problems).toEqual([
		expect.objectContaining({
			code: "ERR_CONNECTOR_OPTION_INVALID",
			label: option,
			message: expect.stringContaining(words),
			remedy: `Correct the option "${option}".`,
		}),
	]);
});
