/** Warnings at the start of a connector: its settings, and drivers with known faults. */
import { isIP } from "node:net";
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { chooseSource } from "../configuration/credentials-source.js";
import type { TDatabaseType } from "../configuration/typeorm.options.js";
import type { ResolvedSettings } from "../resolution/resolve-settings.js";
import { readPackageVersion } from "../support/package-version.js";
import { findOwnSsl } from "../tls/connector-tls.js";
import { isMysqlType } from "../tls/protection.js";

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

interface Connection {
	readonly hosts: readonly string[];
	readonly ssl: unknown;
	readonly type: TDatabaseType;
}

interface Advisory {
	/** The first version without the fault. */
	readonly fixedIn: string;
	readonly isConcerned: (connection: Connection) => boolean;
	readonly name: string;
	/** What earlier versions do, with the number of the advisory. */
	readonly what: string;
}

const ADVISORIES: readonly Advisory[] = [
	{
		fixedIn: "3.9.8",
		isConcerned: ({ type }) => isMysqlType(type),
		name: "mysql2",
		what: "let a server run code in this process (CVE-2024-21508, CVE-2024-21511) and change its prototypes (CVE-2024-21512)",
	},
	{
		fixedIn: "3.0.0",
		isConcerned: ({ type }) => isMysqlType(type),
		name: "mysql2",
		what: "check no name in the certificate of a server (sidorares/node-mysql2#1554)",
	},
	{
		fixedIn: "0.3.26",
		isConcerned: ({ type }) => isMysqlType(type),
		name: "typeorm",
		what: "let an object in the place of a value write other columns on MySQL and MariaDB (CVE-2025-60542)",
	},
	{
		fixedIn: "8.23.1",
		// TLS of the connector's own brings a check of the address.
		isConcerned: ({ hosts, ssl, type }) =>
			!isMysqlType(type) &&
			Boolean(ssl) &&
			typeof (ssl as { readonly checkServerIdentity?: unknown }).checkServerIdentity !== "function" &&
			hosts.some((host) => isIP(host) !== 0),
		name: "pg",
		what: 'check the name "localhost" in the certificate of an IP address where typeOrmOptions.ssl is used (brianc/node-postgres#2263)',
	},
];

/** What a report needs. */
export interface AdvisoryReport extends Omit<Connection, "ssl"> {
	/** Each fault is said once for each configuration. */
	readonly config: Pick<ITypeOrmAwsConnectorConfig, "typeOrmOptions">;
	/** Default: as the packages are installed. */
	readonly readVersion?: (name: string) => string | undefined;
	readonly warn: (message: string) => void;
}

const said = new WeakMap<object, Set<Advisory>>();

/** Says once of each fault that concerns the connection that the installed versions have it. */
export function reportDriverAdvisories({ config, hosts, readVersion = readPackageVersion, type, warn }: AdvisoryReport): void {
	const saidOfConfig = said.get(config) ?? new Set<Advisory>();
	said.set(config, saidOfConfig);
	const ssl = findOwnSsl(config);
	for (const advisory of ADVISORIES) {
		if (saidOfConfig.has(advisory) || !advisory.isConcerned({ hosts, ssl, type })) continue;
		saidOfConfig.add(advisory);
		const { fixedIn, name, what } = advisory;
		const version = readVersion(name);
		if (version === undefined || !isBelow(version, fixedIn)) continue;
		warn(`${name} ${version} is installed; versions before ${fixedIn} ${what}. Upgrade it.`);
	}
}

/** Compares three numbers. A prerelease counts as the version that it leads to. */
function isBelow(version: string, other: string): boolean {
	const [left, right] = [version, other].map((text) => text.split(/[.+-]/).slice(0, 3).map(Number)) as [number[], number[]];
	const index = right.findIndex((part, at) => part !== left[at]);
	return index !== -1 && Number(left[index]) < Number(right[index]);
}
