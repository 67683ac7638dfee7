/**
 * What every AWS client of the library is made with: time limits, since the SDK itself waits for ever, and the region
 * of the environment.
 */
import { readEnvironmentRegion } from "./aws-region.js";

const CONNECTION_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 4_000;

/**
 * A copy of an AWS client's configuration in which connecting ends after 2 s, and a request or a silent socket after 4
 * s. Its region is the one of the environment where it names none. What the configuration says itself wins; a
 * ready-made request handler is left alone. The number of attempts stays with the SDK (3, or as `AWS_MAX_ATTEMPTS` and
 * the shared configuration file say).
 */
export function withAwsClientDefaults<Configuration extends object>(configuration: Configuration): Configuration {
	return withTimeLimits(withRegion(configuration));
}

function withRegion<Configuration extends object>(configuration: Configuration): Configuration {
	if ((configuration as { readonly region?: unknown }).region !== undefined) return configuration;
	const region = readEnvironmentRegion();
	return region === undefined ? configuration : { ...configuration, region };
}

function withTimeLimits<Configuration extends object>(configuration: Configuration): Configuration {
	const { requestHandler } = configuration as { readonly requestHandler?: unknown };
	if (isReadyMade(requestHandler)) return configuration;
	const given = requestHandler as { readonly requestTimeout?: number } | undefined;
	const requestTimeout = given?.requestTimeout ?? REQUEST_TIMEOUT_MS;
	return {
		...configuration,
		requestHandler: {
			connectionTimeout: CONNECTION_TIMEOUT_MS,
			requestTimeout,
			// A body that stalls is not a late answer to the SDK, only a silent socket.
			socketTimeout: requestTimeout,
			throwOnRequestTimeout: true,
			...given,
		},
	};
}

function isReadyMade(requestHandler: unknown): boolean {
	if (typeof requestHandler === "function") return true;
	return typeof requestHandler === "object" && requestHandler !== null && "handle" in requestHandler;
}
