/**
 * Endpoints of AWS that are reached without TLS: requests, and the secrets in their answers, can be read on the way.
 */
import { cleanText } from "../errors/clean-text.js";
import { isLoopbackHost } from "../support/loopback.js";

/** The services that are asked here, by the suffix of their variable in the environment. */
export type AwsService = "SECRETS_MANAGER" | "SSM";

type Environment = Readonly<Record<string, string | undefined>>;

const NAMES: Readonly<Record<AwsService, string>> = { SECRETS_MANAGER: "Secrets Manager", SSM: "Parameter Store" };

/** Each is said once in a process, however many clients are made. */
const said = new Set<string>();

/** The address of an endpoint without TLS that leads to another machine; `undefined` for any other. */
export function findPlainEndpoint(endpoint: unknown, service: AwsService, environment: Environment = process.env): string | undefined {
	const given = endpoint ?? readEnvironment(service, environment);
	const url = typeof given === "string" ? parseUrl(given) : given;
	if (typeof url !== "object") return undefined;
	const { hostname, protocol } = url as { readonly hostname?: unknown; readonly protocol?: unknown };
	if (typeof hostname !== "string" || protocol !== "http:") return undefined;
	return isLoopbackHost(hostname.replace(/^\[|\]$/g, "")) ? undefined : `http://${hostname}`;
}

/**
 * Warns once of an endpoint without TLS.
 * @param endpoint as a client of the AWS SDK takes it: a text, an object, or a function that makes one.
 */
export function warnOfPlainEndpoint(endpoint: unknown, service: AwsService): void {
	if (typeof endpoint === "function") {
		void Promise.resolve()
			.then(endpoint as () => unknown)
			.then((made) => warnOfPlainEndpoint(made, service))
			.catch(() => undefined);
		return;
	}
	const address = findPlainEndpoint(endpoint, service);
	if (address === undefined || said.has(`${service} ${address}`)) return;
	said.add(`${service} ${address}`);
	// Not by Nest's logger: the entry for secrets runs without Nest.
	process.emitWarning(
		`${NAMES[service]} is asked at ${cleanText(address)} without TLS: requests and values can be read and changed on the way. Use an https: endpoint.`,
		{ type: "AwsEndpointWarning" },
	);
}

function readEnvironment(service: AwsService, environment: Environment): string | undefined {
	if (environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] === "true") return undefined;
	return environment[`AWS_ENDPOINT_URL_${service}`] ?? environment["AWS_ENDPOINT_URL"];
}

function parseUrl(text: string): URL | undefined {
	return URL.canParse(text) ? new URL(text) : undefined;
}
