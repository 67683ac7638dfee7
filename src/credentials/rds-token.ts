/** Login tokens of RDS and Aurora, each signed when it is asked for. */
import type { IRdsTokenOptions } from "../configuration/token.options.js";
import { OptionInvalidError } from "../errors/errors.js";
import { fetchIdentity } from "./aws-identity.js";
import { readEnvironmentRegion } from "../aws/aws-region.js";
import { findRegionInHost } from "../aws/database-host.js";
import { loadRdsSigner } from "./token-signer.js";

const DEFAULT_PORT = 5_432;

/**
 * A function that signs a token for RDS or Aurora each time it is called: the `password` of a client of one's own.
 * Needs the package `@aws-sdk/rds-signer`. A token is good for one login within 15 minutes; the connection outlives it.
 * AWS is not asked, but for the identity. The client has to verify the server's certificate and its name: no TLS is
 * checked here, and any server that gets a token can log in with it.
 * @throws OptionInvalidError when the package is missing, or no region can be found. The function rejects with a
 * SecretUnavailableError when there is no AWS identity or it has expired, and with a ConnectorTimeoutError when it is
 * not there within 10 s.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html
 * @example
 * const host = "shop.abc123.eu-west-1.rds.amazonaws.com";
 * const pool = new Pool({ host, user: "app", password: createRdsTokenProvider({ host, username: "app" }), ssl: { ca } });
 */
export function createRdsTokenProvider({
	credentials,
	host,
	port = DEFAULT_PORT,
	region = findRegionInHost(host) ?? readEnvironmentRegion(),
	username,
}: IRdsTokenOptions): () => Promise<string> {
	const Signer = loadRdsSigner();
	if (region === undefined) throw new OptionInvalidError("region", `is needed, since host "${host}" does not name one`);
	return async () => {
		const identity = await fetchIdentity(credentials, region);
		return new Signer({ credentials: identity, hostname: host, port, region, username }).getAuthToken();
	};
}
