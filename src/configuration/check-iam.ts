/**
 * What contradicts a login with a token: an option that another kind of login needs, or one that this kind cannot do
 * without.
 */
import { inspect } from "node:util";

import { findRegionFault } from "../aws/aws-partitions.js";
import type { TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { OptionInvalidError } from "../errors/errors.js";
import { type Checks, isGroup, isObject } from "../support/check-options.js";
import { chooseSource } from "./credentials-source.js";
import { normalizeEngine } from "./connector.enums.js";
import type { IDsqlIamCredentialsSource, IRdsIamCredentialsSource } from "./credentials.options.js";

const MAXIMUM_TOKEN_SECONDS = 604_800;

/** The options that go with `rds-iam`. */
export const RDS_IAM_CHECKS: Checks<IRdsIamCredentialsSource> = { region: findRegionFault, source: () => undefined };

/** The options that go with `dsql-iam`. */
export const DSQL_IAM_CHECKS: Checks<IDsqlIamCredentialsSource> = {
	region: findRegionFault,
	source: () => undefined,
	tokenDurationSecs: (value) =>
		Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAXIMUM_TOKEN_SECONDS
			? undefined
			: `must be an integer from 1 to ${String(MAXIMUM_TOKEN_SECONDS)}`,
};

/** Every contradiction. Nothing where logins come from elsewhere. */
export function checkIam(config: Readonly<Record<string, unknown>>): TypeOrmAwsConnectorError[] {
	const { credentials } = config;
	// What is no group has been reported already.
	if (credentials !== undefined && !isGroup(credentials)) return [];
	const { source } = chooseSource(config);
	if (source !== "dsql-iam" && source !== "rds-iam") return [];
	const refuse = (option: string, fault: string, reason = ""): TypeOrmAwsConnectorError =>
		new OptionInvalidError(option, `${fault} with credentials.source "${source}"${reason}`);
	const { password, replicas, secretId, ssmLookups, tls, type, typeOrmOptions, username } = config;
	const lookups = isGroup(ssmLookups) ? ssmLookups : {};
	const engine = typeof type === "string" ? normalizeEngine(type) : type;
	const isUserNamed = [username, lookups["username"], lookups["connection"]].some((place) => place !== undefined);
	return [
		...(password === undefined ? [] : [refuse("password", "has no meaning")]),
		...(secretId === undefined ? [] : [refuse("secretId", "has no meaning")]),
		...(lookups["password"] === undefined ? [] : [refuse("ssmLookups.password", "has no meaning")]),
		...checkProof(tls, typeOrmOptions, engine).map(([option, fault]) => refuse(option, fault)),
		...(source === "dsql-iam" && engine !== undefined && engine !== "postgres" ? [refuse("type", 'must be "postgres"')] : []),
		...(source === "rds-iam" && engine === "cockroachdb" ? [refuse("type", 'may not be "cockroachdb"')] : []),
		...(source === "rds-iam" && !isUserNamed ? [refuse("username", "is needed", ": the user whom IAM lets log in")] : []),
		...(Array.isArray(replicas) ? listReplicaLogins(replicas).map((option) => refuse(option, "has no meaning")) : []),
	];
}

/** A token is valid for its holder, so every option that skips the proof of the server counts. */
function checkProof(tls: unknown, typeOrmOptions: unknown, type: unknown): (readonly [option: string, fault: string])[] {
	const { extra, ssl } = isGroup(typeOrmOptions) ? typeOrmOptions : {};
	return [
		...(tls === false ? ([["tls", "may not be false"]] as const) : []),
		...(isGroup(tls) && tls["rejectUnauthorized"] === false ? ([["tls.rejectUnauthorized", "may not be false"]] as const) : []),
		...checkSsl("typeOrmOptions.ssl", ssl, type),
		...checkSsl("typeOrmOptions.extra.ssl", isGroup(extra) ? extra["ssl"] : undefined, type),
	];
}

function checkSsl(option: string, ssl: unknown, type: unknown): (readonly [option: string, fault: string])[] {
	if (ssl === undefined) return [];
	// The drivers take every such value for "no TLS".
	if (!ssl) return [[option, `may not be ${inspect(ssl)}`]];
	if (ssl === "no-verify") return [[option, 'may not be "no-verify"']];
	if (isObject(ssl) && ssl["rejectUnauthorized"] === false) return [[`${option}.rejectUnauthorized`, "may not be false"]];
	// To Node the certificate of any other customer of AWS is then as good.
	if (isObject(ssl) && typeof ssl["checkServerIdentity"] === "function")
		return [[`${option}.checkServerIdentity`, 'may not be given (a name belongs in "tls.servername")']];
	const isMysql = type === "mysql" || type === "mariadb";
	// Without it mysql2 checks no name, so that the certificate of any other customer of AWS would do.
	return isMysql && !(isObject(ssl) && ssl["verifyIdentity"] === true) ? [[`${option}.verifyIdentity`, "must be true"]] : [];
}

/** The options by which a replica would have a login of its own. */
function listReplicaLogins(replicas: readonly unknown[]): string[] {
	return replicas.flatMap((replica, index) => {
		if (!isGroup(replica)) return [];
		const lookups = isGroup(replica["ssmLookups"]) ? replica["ssmLookups"] : {};
		const parts = ["password", "secretId", "username"];
		const given = parts.filter((name) => replica[name] !== undefined);
		const lookedUp = parts.filter((name) => lookups[name] !== undefined).map((name) => `ssmLookups.${name}`);
		const names = [...given, ...lookedUp];
		return names.map((name) => `replicas[${String(index)}].${name}`);
	});
}
