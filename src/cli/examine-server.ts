/** Whether each server answers, and whether the connection can be encrypted as the connector is told to. */
import { isIP } from "node:net";

import { isAwsDatabaseHost } from "../aws/database-host.js";
import { EDatabaseType } from "../configuration/connector.enums.js";
import { isIam } from "../configuration/credentials-source.js";
import { readRegion } from "../connector/sources.js";
import { findHost } from "../connector/describe-login.js";
import { selectCredentials } from "../credentials/select-credentials.js";
import { isTypeOrmAwsConnectorError, type TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ConfigurationError, OptionInvalidError } from "../errors/errors.js";
import { quoteForShell } from "../aws/aws-command.js";
import { findTlsRemedy } from "../support/tls-failure.js";
import { ConnectorTls, findOwnSsl } from "../tls/connector-tls.js";
import {
	capitalize,
	type Examination,
	fail,
	type FoundProblem,
	listPrefixes,
	pass,
	readLabel,
	readPath,
	readValue,
	skip,
} from "./diagnosis.js";
import type { Session } from "./open-session.js";
import { explainExposure, findExposedHosts } from "./exposed-hosts.js";
import { probeServer, type ServerAnswer } from "./probe-server.js";

/** Where the server of an owner is said to be. */
interface Place {
	readonly host: string;
	readonly prefix: string;
	readonly port: number;
}

/** Node's names for a name that leads nowhere. */
const NO_SUCH_NAME = new Set(["EAI_AGAIN", "ENOTFOUND"]);

/** The primary, then each replica. No login is made, so neither the secret nor the database has to be right. */
export async function examineServers(session: Session): Promise<Examination[]> {
	const prefixes = listPrefixes(session);
	const type = Object.values(EDatabaseType).find((engine) => engine === readValue(session, "type"));
	const unknown = prefixes.map((prefix) => skip(`${prefix}server`, "host, port or type is not known"));
	if (type === undefined) return unknown;
	const isMysql = type === EDatabaseType.MYSQL || type === EDatabaseType.MARIADB;
	try {
		const places = await findPlaces(session, prefixes);
		const exposed = findExposedHosts(
			session,
			places.map(({ host }) => host),
			type,
		);
		return await Promise.all(
			unknown.map(async (examination, index) => {
				const place = places.find(({ prefix }) => prefix === prefixes[index]);
				if (place === undefined) return examination;
				const tls = await chooseTls(session, places, type, place.host);
				const answer = await probeServer({ ...place, isMysql, tls });
				return classify(session, place, exposed.includes(place.host) && answer.kind === "plain" ? { kind: "exposed" } : answer);
			}),
		);
	} catch (error) {
		if (!isTypeOrmAwsConnectorError(error)) throw error;
		// What is wrong for one server is wrong for all.
		return [fail("server", explainOption(error))];
	}
}

/** Those that are known, with the host that the connector makes of the id of a cluster. */
async function findPlaces(session: Session, prefixes: readonly string[]): Promise<Place[]> {
	const places = prefixes.flatMap((prefix) => {
		const host = readValue(session, "host", prefix);
		const port = readValue(session, "port", prefix);
		return typeof host === "string" && typeof port === "number" ? [{ host, prefix, port }] : [];
	});
	if (!isIam(session.config)) return places;
	const login = await selectCredentials(session.config, () => readRegion(session.configService)).fetch(
		undefined,
		undefined,
		session.logins.get(""),
	);
	return places.map((place) => ({ ...place, host: findHost(login, place) }));
}

/** TypeORM's own `ssl` where the application gives that, else what the connector makes of `tls` for this host. */
async function chooseTls({ config }: Session, places: readonly Place[], type: EDatabaseType, host: string): Promise<object | false> {
	const ssl = findOwnSsl(config);
	if (ssl !== undefined) return typeof ssl === "object" ? (ssl ?? false) : ssl !== false && {};
	const hosts = places.map(({ host }) => host);
	// What it warns of is said when the login is made.
	return (await new ConnectorTls(config, () => undefined).describe(hosts, type, host)) || false;
}

function classify(session: Session, place: Place, answer: ServerAnswer | { readonly kind: "exposed" }): Examination {
	const address = `${isIP(place.host) === 6 ? `[${place.host}]` : place.host}:${String(place.port)}`;
	const name = `${place.prefix}server`;
	switch (answer.kind) {
		case "encrypted": {
			const { issuer, protocol, validTo } = answer;
			return pass(name, `${address} answers with ${protocol}, certificate of ${issuer}, valid until ${validTo}`);
		}
		case "no-tls":
			return fail(name, explainTls(place.host, "HANDSHAKE_NO_SSL_SUPPORT", `The server at ${address} does not offer TLS.`));
		case "exposed":
			return fail(name, explainExposure(place.host));
		case "plain":
			return pass(name, `${address} answers; the connection is not encrypted`);
		case "refused":
			return fail(name, {
				code: answer.code,
				label: readLabel(session, "host", place.prefix),
				message: `The server at ${address} answers, but wants no connection from here (error ${answer.code}).`,
				path: readPath(session, "host", place.prefix),
				remedy: "Look at the server's limits, and at hosts that it has blocked.",
			});
		case "tls-failed":
			return fail(name, explainTls(place.host, answer.code, `TLS with ${address} fails: ${answer.code}.`));
		default:
			return fail(name, explainUnreachable(session, address, place.prefix, answer.code));
	}
}

function explainTls(host: string, code: string, message: string): FoundProblem {
	const remedy =
		findTlsRemedy({ code, message }, isAwsDatabaseHost(host)) ?? "look at the option tls, and at the server's own settings of TLS";
	return { code, label: "tls", message, path: undefined, remedy: capitalize(remedy) };
}

function explainOption(error: TypeOrmAwsConnectorError): FoundProblem {
	const { code, message } = error;
	const problem = error instanceof ConfigurationError ? error.problems[0] : error;
	const option = problem instanceof OptionInvalidError ? problem.option : undefined;
	const remedy = option === undefined ? "Look at the message, then try again." : `Correct the option "${option}".`;
	return { code: problem?.code ?? code, label: option, message: problem?.message ?? message, path: undefined, remedy };
}

function explainUnreachable(session: Session, address: string, prefix: string, code: string): FoundProblem {
	const isName = NO_SUCH_NAME.has(code);
	const path = readPath(session, "host", prefix);
	const [host, port] = ["host", "port"].map((field) => readLabel(session, field, prefix));
	const correct =
		path === undefined
			? `Correct the options "${String(host)}" and "${String(port)}".`
			: `aws ssm put-parameter --name ${quoteForShell(path)} --overwrite --value '<a host name>'`;
	const look = isName ? "is the name right" : "are the security group, the route and the port right";
	return {
		code,
		label: isName ? host : `${String(host)}, ${String(port)}`,
		message: isName ? `There is no host of that name: ${address} (${code}).` : `No server answers at ${address} (${code}).`,
		path,
		remedy: `${correct}   # ${look}? port: ${readPath(session, "port", prefix) ?? "given in code"}`,
	};
}
