/** What a person should know before an application connects to a database over a connection that proves nothing. */
import { isAwsDatabaseHost } from "../aws/database-host.js";
import { isLoopbackHost } from "../support/loopback.js";
import { findProtection, isMysqlType, type ProtectionSubject } from "./protection.js";

/** The options that decide, and the one that permits a connection in clear. */
export interface TlsRiskSubject extends Omit<ProtectionSubject, "ssl"> {
	/** Default `false`. */
	readonly isPlaintextAllowed?: boolean | undefined;
}

/**
 * What is risky about the settings; `undefined` when nothing is. A connection without TLS is no risk on this machine,
 * and where `isPlaintextAllowed` says so.
 * @param ssl TypeORM's own option, where the application has given that instead of `tls`.
 */
export function findTlsRisk(subject: TlsRiskSubject, ssl?: unknown): string | undefined {
	const { hosts, isPlaintextAllowed = false, tls, type } = subject;
	const option = ssl === undefined ? "tls" : "typeOrmOptions.ssl";
	switch (findProtection({ hosts, ssl, tls, type })) {
		case "off":
			return isPlaintextAllowed ? undefined : describePlaintext(hosts, ssl === undefined && tls === undefined ? undefined : option);
		case "unverified":
			return `The certificate of ${list(hosts)} is not verified, since "${option}" says so. Any server in its place gets the login and all queries.`;
		case "unnamed": {
			const reason = isMysqlType(type) ? "lacks verifyIdentity: true" : "has a checkServerIdentity of its own";
			return `The name in the certificate of ${list(hosts)} is not checked, since "${option}" ${reason}. A server with the certificate of another host gets the login and all queries.`;
		}
		default:
			return undefined;
	}
}

/** @param option the one that switches TLS off, where one does. */
function describePlaintext(hosts: readonly string[], option: string | undefined): string | undefined {
	const exposed = hosts.filter((host) => !isLoopbackHost(host));
	if (exposed.length === 0) return undefined;
	const reason = option === undefined ? "no option asks for TLS" : `"${option}" is false`;
	const advice = exposed.some(isAwsDatabaseHost)
		? "A database of AWS offers TLS."
		: "Give tls: true, or isPlaintextAllowed: true where the network is trusted.";
	return `The connection to ${list(exposed)} is not encrypted, since ${reason}. The password and all queries can be read and changed on the way. ${advice}`;
}

function list(hosts: readonly string[]): string {
	return [...new Set(hosts)].map((host) => `"${host}"`).join(", ");
}
