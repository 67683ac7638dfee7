/** From the settings of a connector to what pg or mysql2 takes as `ssl`. */
import { checkServerIdentity, createSecureContext, type SecureContextOptions } from "node:tls";
import { isIP } from "node:net";

import type { ITypeOrmAwsConnectorTls } from "../configuration/tls.options.js";
import type { TDatabaseType } from "../configuration/typeorm.options.js";
import { ConfigurationError, OptionInvalidError } from "../errors/errors.js";
import { listNodeAuthorities, loadRdsAuthorities } from "./authorities.js";
import { isLoopbackHost } from "../support/loopback.js";
import { isAwsDatabaseHost, isRdsHost } from "../aws/database-host.js";
import { isMysqlType } from "./protection.js";

/** The servers of one connector and how they are to be connected to. */
export interface TlsSubject {
	/** The one to connect to. Default: the first. */
	readonly host?: string | undefined;
	/** All of them, replicas included. */
	readonly hosts: readonly string[];
	readonly tls: ITypeOrmAwsConnectorTls | boolean | undefined;
	readonly type: TDatabaseType;
}

/**
 * What TypeORM hands to the driver: an object for TLS, `false` for none, `undefined` for whatever the driver does by
 * itself.
 */
export type TlsOptions = object | false | undefined;

/** Settings of a connector that leaves everything to us. */
const DEFAULT_SETTINGS: ITypeOrmAwsConnectorTls = {};

/**
 * The same object for the same settings: a rotation sees from it that nothing has changed, and parsing 200 authorities
 * takes some 80 ms.
 */
const made = new WeakMap<ITypeOrmAwsConnectorTls, Map<string, Promise<object>>>();

/** The checks of names that were made here. */
const nameChecks = new WeakSet<object>();

/**
 * Whether the name in a server's certificate is checked by Node's own rules, as opposed to a function of the
 * application.
 * @param ssl as a driver has it.
 */
export function isNameChecked(ssl: unknown): boolean {
	const { checkServerIdentity: check } = (ssl ?? {}) as { readonly checkServerIdentity?: unknown };
	return typeof check !== "function" || nameChecks.has(check);
}

/**
 * TLS as soon as one of the hosts is AWS's, unless it is switched off, and for any other host when the settings ask for
 * it.
 * @throws ConfigurationError when mysql2 cannot check the name that it would have to.
 */
export async function createTlsOptions({ hosts, host = hosts[0], tls, type }: TlsSubject): Promise<TlsOptions> {
	if (tls === false) return false;
	if (tls === undefined && !hosts.some(isAwsDatabaseHost)) return undefined;
	const settings = typeof tls === "object" ? tls : DEFAULT_SETTINGS;
	const hasRdsAuthorities = [settings.servername ?? "", ...hosts].some(isRdsHost);
	const isMysql = isMysqlType(type);
	if (isMysql) for (const candidate of hosts) requireCheckableName(candidate, settings);
	const name = isMysql ? undefined : (settings.servername ?? findCheckedAddress(host));

	const known = made.get(settings) ?? new Map<string, Promise<object>>();
	made.set(settings, known);
	const key = `${String(isMysql)} ${String(hasRdsAuthorities)} ${name ?? ""}`;
	const options =
		known.get(key) ?? (isMysql ? describeMysql(settings, hasRdsAuthorities) : describePg(settings, hasRdsAuthorities, name));
	known.set(key, options);
	return options;
}

/** mysql2 checks the host it connects to and no other name, and for an IP address the name "localhost". */
function requireCheckableName(host: string, { rejectUnauthorized: isVerified = true, servername }: ITypeOrmAwsConnectorTls): void {
	if (!isVerified) return;
	if (servername !== undefined && servername !== host) {
		throw new ConfigurationError([
			new OptionInvalidError(
				"tls.servername",
				"is not possible with mysql2, which checks the host it connects to; make that name lead to the server",
			),
		]);
	}
	if (isIP(host) !== 0 && !isLoopbackHost(host)) {
		throw new ConfigurationError([
			new OptionInvalidError(
				"tls",
				"is not possible with an IP address and mysql2, which checks host names only; give the server's name as the host",
			),
		]);
	}
}

/** pg before 8.22 checks the name "localhost" in the certificate of an IP address, so the address is checked here. */
function findCheckedAddress(host: string | undefined): string | undefined {
	return host !== undefined && isIP(host) !== 0 ? host : undefined;
}

async function describeMysql(settings: ITypeOrmAwsConnectorTls, hasRdsAuthorities: boolean): Promise<object> {
	const isVerified = settings.rejectUnauthorized ?? true;
	const context = await describeContext(settings, isVerified, hasRdsAuthorities);
	return { ...context, rejectUnauthorized: isVerified, verifyIdentity: isVerified };
}

/** @param name the name or the address that the certificate must have, where it is not the name of the host. */
async function describePg(settings: ITypeOrmAwsConnectorTls, hasRdsAuthorities: boolean, name: string | undefined): Promise<object> {
	const isVerified = settings.rejectUnauthorized ?? true;
	const context = await describeContext(settings, isVerified, hasRdsAuthorities);
	return {
		// pg puts the host in the place of a servername, except when the host is an IP address.
		...(name !== undefined && { checkServerIdentity: createNameCheck(name) }),
		...(settings.servername !== undefined && { servername: settings.servername }),
		rejectUnauthorized: isVerified,
		// pg would parse every authority again for each connection.
		secureContext: createSecureContext(context),
		// Read by pg-native alone, which knows nothing of the others and would go on unencrypted if it has to.
		sslmode: isVerified ? "verify-full" : "require",
	};
}

function createNameCheck(name: string): typeof checkServerIdentity {
	const check: typeof checkServerIdentity = (_host, certificate) => checkServerIdentity(name, certificate);
	nameChecks.add(check);
	return check;
}

async function describeContext(
	{ ca = [], cert, key, passphrase }: ITypeOrmAwsConnectorTls,
	isVerified: boolean,
	hasRdsAuthorities: boolean,
): Promise<SecureContextOptions> {
	const given = typeof ca === "string" || Buffer.isBuffer(ca) ? [ca] : ca;
	const added = isVerified ? [...(hasRdsAuthorities ? await loadRdsAuthorities() : []), ...given] : [];
	return {
		// Without a list Node trusts its own, which it has parsed already.
		...(added.length > 0 && { ca: [...listNodeAuthorities(), ...added] }),
		...(cert !== undefined && { cert }),
		...(key !== undefined && { key }),
		minVersion: "TLSv1.2",
		...(passphrase !== undefined && { passphrase }),
	};
}
