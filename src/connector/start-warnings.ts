/** What is said once of a connector's settings, when they are first known. */
import { chooseSource } from "../configuration/credentials-source.js";
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import type { ResolvedSettings } from "../resolution/resolve-settings.js";
import { reportDriverAdvisories } from "./driver-advisories.js";

/** What is looked at. */
export interface StartReport {
	readonly config: ITypeOrmAwsConnectorConfig;
	readonly hosts: readonly string[];
	readonly settings: Pick<ResolvedSettings, "shouldSynchronize" | "type">;
	readonly warn: (message: string) => void;
}

/** How long a token is good for a login where nothing is said. */
const DEFAULT_TOKEN_SECONDS = 900;

const reported = new WeakMap<object, Set<string>>();

/**
 * Warns of drivers with known faults, of a schema that a parameter lets TypeORM change in production, and of tokens
 * that live for long.
 */
export function reportAtStart({ config, hosts, settings, warn }: StartReport): void {
	const said = reported.get(config) ?? new Set<string>();
	reported.set(config, said);
	for (const message of [findSynchronization(config, settings), findTokenLife(config)]) {
		if (message === undefined || said.has(message)) continue;
		said.add(message);
		warn(message);
	}
	reportDriverAdvisories({ config, hosts, type: settings.type, warn });
}

function findSynchronization(
	{ shouldSynchronize }: Pick<ITypeOrmAwsConnectorConfig, "shouldSynchronize">,
	settings: StartReport["settings"],
): string | undefined {
	const isByParameter = shouldSynchronize === undefined && settings.shouldSynchronize;
	if (!isByParameter || process.env["NODE_ENV"] !== "production") return undefined;
	return (
		'A parameter sets shouldSynchronize to true, and NODE_ENV is "production": at each start TypeORM changes the schema to match the entities, and drops ' +
		"columns with their data. Delete the parameter, or give shouldSynchronize: false in code."
	);
}

function findTokenLife(config: ITypeOrmAwsConnectorConfig): string | undefined {
	const source = chooseSource(config);
	const seconds = source.source === "dsql-iam" ? source.tokenDurationSecs : undefined;
	if (seconds === undefined || seconds <= DEFAULT_TOKEN_SECONDS) return undefined;
	return `credentials.tokenDurationSecs is ${String(seconds)}: a token that leaks lets its holder log in for as long. Each connection gets a new one, so ${String(DEFAULT_TOKEN_SECONDS)} are enough.`;
}
