/** The public shape of what a login token is signed for. */
import type { TAwsCredentials } from "../aws/aws.options.js";

/**
 * What a token of RDS or Aurora is signed for.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html
 * @example
 * { host: "shop.abc123.eu-west-1.rds.amazonaws.com", username: "app" }
 */
export interface IRdsTokenOptions {
	/** An AWS identity or a function that fetches one. Default: the SDK's own chain. */
	credentials?: TAwsCredentials;
	/** The endpoint itself: a token for another name of it, such as a CNAME, is refused. */
	host: string;
	/** Default 5432. */
	port?: number;
	/** Default: the region in the name of the host, then `AWS_REGION` or `AWS_DEFAULT_REGION` of the environment. */
	region?: string;
	/**
	 * The database user, which needs the role `rds_iam` (PostgreSQL) or the plugin `AWSAuthenticationPlugin` (MySQL,
	 * MariaDB).
	 */
	username: string;
}

/**
 * What a token of Aurora DSQL is signed for.
 * @see https://docs.aws.amazon.com/aurora-dsql/latest/userguide/SECTION_authentication-token.html
 * @example
 * { host: "abcdefghijklmnopqrstuvwxyz.dsql.eu-west-1.on.aws", username: "app", tokenDurationSecs: 60 }
 */
export interface IDsqlTokenOptions {
	/** An AWS identity or a function that fetches one. Default: the SDK's own chain. */
	credentials?: TAwsCredentials;
	/** Host name of the cluster; its id alone, where a region is known. */
	host: string;
	/** Default: the region in the name of the host, then `AWS_REGION` or `AWS_DEFAULT_REGION` of the environment. */
	region?: string;
	/**
	 * How long a token is good for a login, in seconds, 1 … 604,800 (a week). Default 900. Connections outlive their
	 * token; a token that leaks lets its holder log in for as long.
	 */
	tokenDurationSecs?: number;
	/** The database role. Default `admin`, which is the one that needs, and gets, another kind of token. */
	username?: string;
}
