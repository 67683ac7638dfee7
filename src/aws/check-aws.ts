/** What may be said of how AWS is reached. */
import { findRegionFault } from "./aws-partitions.js";
import { type Checks, isObject } from "../support/check-options.js";
import type { ITypeOrmAwsConnectorAws } from "./aws.options.js";

/** One check for each option of `aws`. */
export const AWS_CHECKS: Checks<ITypeOrmAwsConnectorAws> = {
	credentials: (value) =>
		isObject(value) || typeof value === "function" ? undefined : "must be an AWS identity or a function that fetches one",
	endpoint: (value) =>
		typeof value === "string" && /^https?:\/\//i.test(value) && URL.canParse(value) ? undefined : "must be an http or https URL",
	region: findRegionFault,
	secretsManagerClient: (value) =>
		isObject(value) && typeof value["send"] === "function" ? undefined : "must be a SecretsManagerClient",
	ssmClient: (value) => (isObject(value) && typeof value["send"] === "function" ? undefined : "must be an SSMClient"),
};
