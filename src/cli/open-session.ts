/** What every command begins with: the options of the connector, its parameters, and what they come to. */
import type { SSMClient } from "@aws-sdk/client-ssm";

import type { ConfigReader } from "../connector/sources.js";
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import type { GivenLogin } from "../configuration/given-login.js";
import { expandConnectionSecret } from "../configuration/credentials-source.js";
import { describeSsmClient } from "../aws/describe-ssm-client.js";
import { type ConnectorExplanation, examineConnector } from "../connector/explain-connector.js";
import { ParameterStoreService } from "../parameter-store/parameter-store.service.js";
import { createSsmClient } from "../parameter-store/ssm-client.js";
import { listLookups } from "../resolution/list-lookups.js";
import type { FieldValue } from "../resolution/parse-value.js";
import { ALL_FIELDS } from "../resolution/resolve-settings.js";
import { loadConfig } from "./load-config.js";
import { ParameterSurvey } from "./parameter-survey.js";
import { type GivenOptions, readLookups } from "./parse-arguments.js";

/** Where one connector stands. */
export interface Session {
	/** Stands for the application's ConfigService: it has the region of the command line. */
	readonly configService: ConfigReader;
	/** The options, with lookups and endpoint of the command line. */
	readonly config: ITypeOrmAwsConnectorConfig;
	readonly explanation: ConnectorExplanation;
	/** What is known of each login without a secret, by what stands before its fields. */
	readonly logins: ReadonlyMap<string, GivenLogin | undefined>;
	readonly options: GivenOptions;
	/** Region of the parameters; `undefined` where nothing names one. */
	readonly region: string | undefined;
	readonly ssm: SSMClient;
	readonly store: ParameterStoreService;
	readonly survey: ParameterSurvey;
	/** The values of the fields as they are, those of SecureStrings included. */
	readonly values: ReadonlyMap<string, FieldValue>;
}

/** Reads options and parameters. The caller ends it with {@link closeSession}. */
export async function openSession(options: GivenOptions): Promise<Session> {
	const { application, endpoint, environment, instance: instanceName, namespace, region: givenRegion } = options;
	const given = loadConfig(options.config);
	const aws = { ...given.aws, ...(endpoint === undefined ? {} : { endpoint }) };
	const config = expandConnectionSecret({ ...given, aws, ssmLookups: { ...given.ssmLookups, ...readLookups(options) } });
	const hasModule = application !== undefined;
	// The module has a client of its own; without it the connector reads by itself.
	const place = { ...(endpoint === undefined ? {} : { endpoint }), ...(givenRegion === undefined ? {} : { region: givenRegion }) };
	const own = aws.ssmClient === undefined ? { config: describeSsmClient(aws, () => givenRegion) } : { client: aws.ssmClient };
	const ssm = createSsmClient(hasModule ? { config: place } : own);
	const store = new ParameterStoreService(ssm);
	const survey = new ParameterSurvey({
		isOnDemand: options["on-demand"] === true,
		segments: dropMissing({ application, environment, instanceName, namespace }),
		shouldDecrypt: !hasModule || options.decrypt === true,
		store,
	});
	const load = async (): Promise<ParameterSurvey> => {
		await survey.load(listLookups(config, ALL_FIELDS));
		return survey;
	};
	const { explanation, logins, values } = await examineConnector({ config, connector: "default", load, source: survey });
	const configService = { get: (key: string) => (key === "AWS_REGION" ? givenRegion : undefined) };
	const region = await ssm.config.region().catch(() => undefined);
	return { config, configService, explanation, logins, options, region, ssm, store, survey, values };
}

/** Closes the sockets to Parameter Store. */
export function closeSession({ store }: Session): void {
	store.onApplicationShutdown();
}

function dropMissing(segments: Readonly<Record<string, string | undefined>>): Record<string, string> {
	return Object.fromEntries(Object.entries(segments).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
