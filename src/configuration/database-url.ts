/** The address of a database, as `DATABASE_URL` has it → the options that it stands for. */
import { findControlFault } from "../errors/clean-text.js";
import { OptionInvalidError } from "../errors/errors.js";
import type { ITypeOrmAwsConnectorConfig } from "./connector.options.js";

const ENGINES = {
	cockroachdb: { port: 26_257, type: "cockroachdb" },
	mariadb: { port: 3306, type: "mariadb" },
	mysql: { port: 3306, type: "mysql" },
	postgres: { port: 5432, type: "postgres" },
	postgresql: { port: 5432, type: "postgres" },
} as const;

/**
 * Takes the address of a database apart into options of a connector: host, port, engine, and the database, user and
 * password where it has them. With a user and a password nothing is asked of Secrets Manager, and a rotation finds
 * nothing to change.
 * @param url `postgres://<user>:<password>@<host>:<port>/<database>`; also `postgresql:`, `mysql:`, `mariadb:` and
 * `cockroachdb:`. Special characters are percent-encoded. Default of the port: that of the engine.
 * @param name What an error calls it. Default `url`.
 * @throws OptionInvalidError when it is no such address. The address itself is not quoted.
 * @example
 * TypeOrmAwsConnectorModule.register({ entities: [UserEntity], ...parseDatabaseUrl("postgres://shop:secret@localhost/shop") });
 */
export function parseDatabaseUrl(
	url: string,
	name = "url",
): Pick<ITypeOrmAwsConnectorConfig, "databaseName" | "host" | "password" | "port" | "type" | "username"> {
	const refuse = (fault: string): OptionInvalidError => new OptionInvalidError(name, fault);
	if (!URL.canParse(url)) throw refuse("is no address of a database, or holds a special character that is not percent-encoded");
	const { hash, hostname, password, pathname, port, protocol, search, username } = new URL(url);
	const scheme = protocol.slice(0, -1);
	if (!Object.hasOwn(ENGINES, scheme)) throw refuse(`must begin with one of ${Object.keys(ENGINES).join(", ")}`);
	if (hostname === "") throw refuse("must name a host");
	if (search !== "" || hash !== "")
		throw refuse('holds ? or #: give settings as options, such as "tls", and encode characters of a password');
	// What stands before a slash in a password would be the port, and the rest of it the name of the database.
	if (/[/@]/.test(pathname.slice(1))) throw refuse("holds a / or @ behind the host that is not percent-encoded");
	const engine = ENGINES[scheme as keyof typeof ENGINES];
	const decode = (part: string): string => {
		const text = decodePercent(part);
		const fault = text === undefined ? "holds a % that encodes nothing" : findControlFault(text);
		if (fault !== undefined) throw refuse(fault);
		return text ?? "";
	};
	return {
		host: hostname.replace(/^\[(.*)\]$/, "$1"),
		port: port === "" ? engine.port : Number(port),
		type: engine.type,
		...(pathname.length > 1 && { databaseName: decode(pathname.slice(1)) }),
		...(username !== "" && { username: decode(username) }),
		...(password !== "" && { password: decodePercent(password) ?? decode(password) }),
	};
}

function decodePercent(text: string): string | undefined {
	try {
		return decodeURIComponent(text);
	} catch {
		return undefined;
	}
}
