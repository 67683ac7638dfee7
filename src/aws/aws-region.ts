/** The region that the environment of the process names. */

/** In this order. The AWS command line and other SDKs read both; the SDK for JavaScript reads the first one only. */
const VARIABLES = ["AWS_REGION", "AWS_DEFAULT_REGION"] as const;

/** The region in `AWS_REGION`, else in `AWS_DEFAULT_REGION`; `undefined` where neither names one. */
export function readEnvironmentRegion(environment: Readonly<Record<string, string | undefined>> = process.env): string | undefined {
	return VARIABLES.map((name) => environment[name]?.trim()).find((region) => region !== undefined && region !== "");
}
