/** How the connector reaches Parameter Store by itself, for parameters that it reads by full name. */
import type { SSMClientConfig } from "@aws-sdk/client-ssm";

import { splitAwsHost } from "./aws-partitions.js";
import type { ITypeOrmAwsConnectorAws } from "./aws.options.js";

/**
 * Identity, region and endpoint.
 * @param findRegion asked for the region where the options name none.
 */
export function describeSsmClient(
	aws: ITypeOrmAwsConnectorAws = {},
	findRegion: () => string | undefined = () => undefined,
): SSMClientConfig {
	const { credentials, endpoint, region = findRegion() } = aws;
	return {
		...(credentials === undefined ? {} : { credentials }),
		...(endpoint === undefined || isOfOneService(endpoint) ? {} : { endpoint }),
		...(region === undefined ? {} : { region }),
	};
}

/**
 * The names of AWS, those of VPC endpoints included, lead to Secrets Manager alone. What else is given is an emulator,
 * which answers for all services.
 */
function isOfOneService(endpoint: string): boolean {
	return splitAwsHost(new URL(endpoint).hostname, "service") !== undefined;
}
