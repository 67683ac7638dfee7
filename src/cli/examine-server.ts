/** Whether the server answers, and whether the connection can be encrypted as the connector is told to. */
import { isIP } from "node:net";

import { EDatabaseType } from "../configuration/connector.enums.js";
import { isTypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { quoteForShell } from "../resolution/explain-fields.js";
import { findTlsRemedy } from "../support/tls-failure.js";
import { createTlsOptions } from "../tls/tls-options.js";
import { capitalize, type Examination, fail, type FoundProblem, pass, readPath, readValue, skip } from "./diagnosis.js";
import type { Session } from "./open-session.js";
import { probeServer, type ServerAnswer } from "./probe-server.js";

/** Where the server is said to be. */
interface Place {
	readonly host: string;
	readonly isMysql: boolean;
	readonly port: number;
}

/** Node's names for a name that leads nowhere. */
const NO_SUCH_NAME = new Set(["EAI_AGAIN", "ENOTFOUND"]);

/** Nobody logs in for this, so neither the secret nor the database has to be right. */
export async function examineServer(session: Session): Promise<Examination> {
	const host = readValue(session, "host");
	const port = readValue(session, "port");
	const type = Object.values(EDatabaseType).find((engine) => engine === readValue(session, "type"));
	if (typeof host !== "string" || typeof port !== "number" || type === undefined) {
		return skip("server", "host, port or type is not known");
	}
	const place = { host, isMysql: type === EDatabaseType.MYSQL || type === EDatabaseType.MARIADB, port };
	try {
		const tls = await chooseTls(session, host, type);
		return judge(session, place, await probeServer({ ...place, tls }));
	} catch (error) {
		if (!isTypeOrmAwsConnectorError(error)) throw error;
		return fail("server", explainTls(error.code, error.message));
	}
}

/** TypeORM's own `ssl` where the application gives that, else what the connector makes of `tls`. */
async function chooseTls({ config }: Session, host: string, type: EDatabaseType): Promise<object | false> {
	const ssl = (config.typeOrmOptions as { readonly ssl?: object | boolean | string } | undefined)?.ssl;
	if (ssl !== undefined) return typeof ssl === "object" ? ssl : ssl !== false && {};
	return (await createTlsOptions({ hosts: [host], tls: config.tls, type })) || false;
}

function judge(session: Session, place: Place, answer: ServerAnswer): Examination {
	const address = `${isIP(place.host) === 6 ? `[${place.host}]` : place.host}:${String(place.port)}`;
	switch (answer.kind) {
		case "encrypted": {
			const { issuer, protocol, validTo } = answer;
			return pass("server", `${address} answers with ${protocol}, certificate of ${issuer}, valid until ${validTo}`);
		}
		case "no-tls":
			return fail("server", explainTls("HANDSHAKE_NO_SSL_SUPPORT", `The server at ${address} does not offer TLS.`));
		case "plain":
			return pass("server", `${address} answers; the connection is not encrypted`);
		case "refused":
			return fail("server", {
				code: answer.code,
				label: "host",
				message: `The server at ${address} answers, but wants no connection from here (error ${answer.code}).`,
				path: readPath(session, "host"),
				remedy: "Look at the server's limits, and at hosts that it has blocked.",
			});
		case "tls-failed":
			return fail("server", explainTls(answer.code, `TLS with ${address} fails: ${answer.code}.`));
		default:
			return fail("server", explainUnreachable(session, address, answer.code));
	}
}

function explainTls(code: string, message: string): FoundProblem {
	const remedy = findTlsRemedy({ code, message }) ?? "look at the option tls, and at the server's own settings of TLS";
	return { code, label: "tls", message, path: undefined, remedy: capitalize(remedy) };
}

function explainUnreachable(session: Session, address: string, code: string): FoundProblem {
	const isName = NO_SUCH_NAME.has(code);
	const path = readPath(session, "host");
	const correct =
		path === undefined
			? 'Correct the options "host" and "port".'
			: `aws ssm put-parameter --name ${quoteForShell(path)} --overwrite --value '<a host name>'`;
	const look = isName ? "is the name right" : "are the security group, the route and the port right";
	return {
		code,
		label: isName ? "host" : "host, port",
		message: isName ? `There is no host of that name: ${address} (${code}).` : `Nobody answers at ${address} (${code}).`,
		path,
		remedy: `${correct}   # ${look}? port: ${readPath(session, "port") ?? "given in code"}`,
	};
}
