/** Login tokens of Aurora DSQL, each signed when it is asked for. */
import type { IDsqlTokenOptions } from "../configuration/token.options.js";
import { OptionInvalidError } from "../errors/errors.js";
import { fetchIdentity } from "./aws-identity.js";
import { readEnvironmentRegion } from "../aws/aws-region.js";
import { expandClusterId, findRegionInHost } from "../aws/database-host.js";
import { loadDsqlSigner } from "./token-signer.js";

/** The database role that logs in with a token of another kind. */
export const DSQL_ADMIN = "admin";

const DEFAULT_DURATION_SECONDS = 900;

/**
 * A function that signs a token for Aurora DSQL each time it is called: the `password` of a client of one's own,
 * node-postgres or Postgres.js. Needs the package `@aws-sdk/dsql-signer`. The user `admin` gets a token for
 * `dsql:DbConnectAdmin`, every other user one for `dsql:DbConnect`. AWS is not asked, but for the identity.
 * The client has to verify the server's certificate and its name: no TLS is checked here, and any server that gets a
 * token can log in with it.
 * @throws OptionInvalidError when the package is missing, or no region can be found. The function rejects with a
 * SecretUnavailableError when there is no AWS identity or it has expired, and with a ConnectorTimeoutError when it is
 * not there within 10 s.
 * @see https://docs.aws.amazon.com/aurora-dsql/latest/userguide/SECTION_authentication-token.html
 * @example
 * const host = "abcdefghijklmnopqrstuvwxyz.dsql.eu-west-1.on.aws";
 * const sql = postgres({ host, username: "admin", database: "postgres", password: createDsqlTokenProvider({ host }), ssl: "verify-full" });
 */
export function createDsqlTokenProvider({
	credentials,
	host,
	region = findRegionInHost(host) ?? readEnvironmentRegion(),
	tokenDurationSecs = DEFAULT_DURATION_SECONDS,
	username = DSQL_ADMIN,
}: IDsqlTokenOptions): () => Promise<string> {
	const DsqlSigner = loadDsqlSigner();
	if (region === undefined) throw new OptionInvalidError("region", `is needed, since host "${host}" does not name one`);
	const hostname = expandClusterId(host, region);
	return async () => {
		const identity = await fetchIdentity(credentials, region);
		const signer = new DsqlSigner({ credentials: identity, expiresIn: tokenDurationSecs, hostname, region });
		return username === DSQL_ADMIN ? signer.getDbConnectAdminAuthToken() : signer.getDbConnectAuthToken();
	};
}
