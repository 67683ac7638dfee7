/** Hosts that would get a login of the doctor in clear. */
import type { DataSourceOptions } from "typeorm";

import { isAwsDatabaseHost } from "../aws/database-host.js";
import { EDatabaseType } from "../configuration/connector.enums.js";
import type { TDatabaseType } from "../configuration/typeorm.options.js";
import { isIam } from "../configuration/credentials-source.js";
import { TypeOrmAwsConnectorService } from "../connector/typeorm-aws-connector.service.js";
import { isLoopbackHost } from "../support/loopback.js";
import { findOwnSsl } from "../tls/connector-tls.js";
import { findProtection } from "../tls/protection.js";
import { type Examination, fail, type FoundProblem } from "./diagnosis.js";
import type { Session } from "./open-session.js";

/** The part of TypeORM's options that names several servers. */
interface Replication {
	readonly master: object;
	readonly slaves: readonly object[];
}

/**
 * The hosts to which a connection would not be encrypted: none on this machine, and none where `isPlaintextAllowed` or
 * `--allow-plaintext` says so.
 * @param hosts all hosts of the connector, replicas included: they are encrypted all or none.
 */
export function findExposedHosts(
	{ config, options }: Session,
	hosts: readonly string[],
	type: TDatabaseType | undefined,
): readonly string[] {
	if (config.isPlaintextAllowed === true || options["allow-plaintext"] === true) return [];
	const tls = config.tls ?? (isIam(config) ? true : undefined);
	const isPlain = findProtection({ hosts, ssl: findOwnSsl(config), tls, type }) === "off";
	return isPlain ? hosts.filter((host) => !isLoopbackHost(host)) : [];
}

/** Why the doctor does not log in. A parameter alone may have led here. */
export function explainExposure(host: string): FoundProblem {
	const remedy = isAwsDatabaseHost(host)
		? "A database of AWS offers TLS: leave out the option that switches it off."
		: "Give tls: true. Where the network is trusted: isPlaintextAllowed: true, or --allow-plaintext for this one run.";
	return {
		code: "PLAINTEXT_CONNECTION",
		label: "tls",
		message: `The connection to ${host} is not encrypted: a login would show the password to the server and on the way, and none is made.`,
		path: undefined,
		remedy,
	};
}

/**
 * The servers of which only the secret knows the hosts, where a login would not be encrypted. In the middle of a
 * rotation the connector logs in to find out which version the server takes: here it does not.
 */
export async function examineExposure(session: Session): Promise<Examination[]> {
	const quiet = { ...session.config, rotation: { ...session.config.rotation, shouldUsePendingSecret: false } };
	const connector = new TypeOrmAwsConnectorService(session.configService, session.survey, quiet);
	try {
		const servers = listServers(await connector.getTypeOrmOptions());
		const hosts = servers.map((options) => String((options as { readonly host?: unknown }).host));
		const exposed = findExposedHosts(session, hosts, toDatabaseType(servers[0]?.type));
		return [...new Set(exposed)].map((host) => fail("login", explainExposure(host)));
	} catch {
		// The same error is explained where the login is made.
		return [];
	} finally {
		connector.close();
	}
}

function toDatabaseType(name: unknown): EDatabaseType | undefined {
	return Object.values(EDatabaseType).find((type) => type === name);
}

/** The options of each server, as those of a DataSource that has no other. */
export function listServers({ replication, ...shared }: DataSourceOptions & { readonly replication?: Replication }): DataSourceOptions[] {
	const nodes = replication === undefined ? [{}] : [replication.master, ...replication.slaves];
	return nodes.map((node) => ({ ...shared, ...node }));
}
