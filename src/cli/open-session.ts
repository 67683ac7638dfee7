/** What every command begins with: the options of the connector, its parameters, and what they come to. */
import { SSMClient } from "@aws-sdk/client-ssm";

import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { type ConnectorExplanation, explainConnector } from "../connector/explain-connector.js";
import { ParameterStoreService } from "../parameter-store/parameter-store.service.js";
import { ALL_FIELDS, listLookups } from "../resolution/resolve-settings.js";
import { withAwsClientDefaults } from "../aws/aws-client-defaults.js";
import { loadConfig } from "./load-config.js";
import { ParameterSurvey } from "./parameter-survey.js";
import type { GivenOptions } from "./parse-arguments.js";

/** Where one connector stands. */
export interface Session {
	/** The options, with the region and the endpoint of the command line. */
	readonly config: ITypeOrmAwsConnectorConfig;
	readonly explanation: ConnectorExplanation;
	readonly options: GivenOptions;
	/** Region of the parameters; `undefined` where nothing names one. */
	readonly region: string | undefined;
	readonly ssm: SSMClient;
	/** `undefined` when everything is in the file of options. */
	readonly survey: ParameterSurvey | undefined;
}

/** Reads options and parameters. The caller destroys `ssm`. */
export async function openSession(options: GivenOptions): Promise<Session> {
	const { application, endpoint, environment, instance: instanceName, namespace, region } = options;
	const place = { ...(endpoint === undefined ? {} : { endpoint }), ...(region === undefined ? {} : { region }) };
	const given = loadConfig(options.config);
	const config = { ...given, aws: { ...place, ...given.aws } };
	const ssm = new SSMClient(withAwsClientDefaults(place));
	const segments = { application, environment, instanceName, namespace };
	const survey =
		application === undefined
			? undefined
			: new ParameterSurvey(new ParameterStoreService(ssm), dropMissing(segments), options.decrypt ?? false);
	const load = async (): Promise<ParameterSurvey | undefined> => {
		await survey?.read(listLookups(config, ALL_FIELDS));
		return survey;
	};
	const explanation = await explainConnector({ config, connector: "default", load, source: survey });
	return { config, explanation, options, region: await ssm.config.region().catch(() => undefined), ssm, survey };
}

function dropMissing(segments: Readonly<Record<string, string | undefined>>): Record<string, string> {
	return Object.fromEntries(Object.entries(segments).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
