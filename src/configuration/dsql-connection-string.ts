/** A connection string of Aurora DSQL → the options that it stands for. */
import { findControlFault } from "../errors/clean-text.js";
import { OptionInvalidError } from "../errors/errors.js";
import type { ITypeOrmAwsConnectorConfig } from "./connector.options.js";
import { isDsqlHost } from "../aws/database-host.js";

/** What AWS names a cluster by. A name without a dot may be `localhost`, or a number that stands for an address. */
const CLUSTER_ID = /^[a-z0-9]{26}$/;

/**
 * Takes a connection string apart into options of a connector. What it does not say has the defaults of Aurora DSQL.
 * @param connectionString `postgres://<user>@<host>:<port>/<database>`; everything but the host may be left out. The
 * host is one of DSQL, or the id of a cluster.
 * @throws OptionInvalidError when it is no such string or holds a password, which Aurora DSQL does not have. The string
 * itself is not quoted.
 * @example
 * TypeOrmAwsConnectorModule.register({
 * 	entities: [UserEntity],
 * 	...parseDsqlConnectionString("postgres://admin@abcdefghijklmnopqrstuvwxyz.dsql.eu-west-1.on.aws"),
 * });
 */
export function parseDsqlConnectionString(
	connectionString: string,
): Pick<ITypeOrmAwsConnectorConfig, "credentials" | "databaseName" | "host" | "port" | "username"> {
	const refuse = (fault: string): OptionInvalidError => new OptionInvalidError("connectionString", fault);
	if (!URL.canParse(connectionString)) throw refuse("is not a URL");
	const { hostname, password, pathname, port, protocol, username } = new URL(connectionString);
	if (protocol !== "postgres:" && protocol !== "postgresql:") throw refuse("must begin with postgres:// or postgresql://");
	if (password !== "") throw refuse("holds a password, which Aurora DSQL does not have");
	if (!isDsqlHost(hostname) && !CLUSTER_ID.test(hostname)) throw refuse("must name a host of Aurora DSQL, or the id of a cluster");
	const decode = (text: string): string => {
		const name = decodePercent(text);
		if (name === undefined) throw refuse("holds a % that encodes nothing");
		const fault = findControlFault(name);
		if (fault !== undefined) throw refuse(fault);
		return name;
	};
	const databaseName = decode(pathname.slice(1));
	return {
		credentials: { source: "dsql-iam" },
		host: hostname,
		...(databaseName !== "" && { databaseName }),
		...(port !== "" && { port: Number(port) }),
		...(username !== "" && { username: decode(username) }),
	};
}

function decodePercent(text: string): string | undefined {
	try {
		return decodeURIComponent(text);
	} catch {
		return undefined;
	}
}
