/** What a person should know before the application talks to a database over a connection that proves nothing. */
import { isAwsDatabaseHost } from "../aws/database-host.js";
import type { TlsSubject } from "./tls-options.js";

/**
 * What is risky about the settings; `undefined` when nothing is. No TLS to hosts that are not of AWS is TypeORM's own default and not mentioned.
 * @param ssl TypeORM's own option, where the application has given that instead of `tls`.
 */
export function findTlsRisk({ hosts, tls }: Pick<TlsSubject, "hosts" | "tls">, ssl?: unknown): string | undefined {
	const option = ssl === undefined ? "tls" : "typeOrmOptions.ssl";
	const isOff = ssl === undefined ? tls === false : ssl === false;
	const isUnverified = isObject(ssl) ? ssl["rejectUnauthorized"] === false : isObject(tls) && tls.rejectUnauthorized === false;
	const awsHosts = hosts.filter(isAwsDatabaseHost);
	if (isOff && awsHosts.length > 0)
		return `The connection to ${list(awsHosts)} is not encrypted, since "${option}" is false. Whoever is on the way can read and change everything.`;
	if (isUnverified)
		return `The certificate of ${list(hosts)} is not verified, since "${option}" says so. Whoever answers there gets the login and all queries.`;
	return undefined;
}

function list(hosts: readonly string[]): string {
	return [...new Set(hosts)].map((host) => `"${host}"`).join(", ");
}

function isObject<Value>(value: Value): value is Extract<Value, object> & Record<string, unknown> {
	return typeof value === "object" && value !== null;
}
