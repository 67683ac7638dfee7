/** The public shape of where a connector's logins come from. */

/**
 * Under which names a secret keeps its values. Default of each: the name that Secrets Manager itself uses for a
 * database.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
 * @example
 * { username: "user", password: "pass", host: "hostname" }
 */
export interface ISecretKeys {
	/** Default `dbname`. */
	databaseName?: string;
	/** Default `host`. */
	host?: string;
	/** Default `password`. */
	password?: string;
	/** Default `port`. */
	port?: string;
	/** Default `engine`. */
	type?: string;
	/** Default `username`. */
	username?: string;
}

/**
 * The login is kept in a secret. `username` or `password` given in code win over what the secret says.
 * @example
 * { source: "secrets-manager", shouldReadEndpointFromSecret: true, keys: { username: "user" } }
 */
export interface ISecretsManagerCredentialsSource {
	/** Other names of the values in the secret. */
	keys?: ISecretKeys;
	/**
	 * Whether the secret also says where the database is: host, port, database name and engine. They then win over
	 * Parameter Store, and lose against the connector's options; what the secret lacks is looked up as ever. Default
	 * `false`.
	 */
	shouldReadEndpointFromSecret?: boolean;
	/** A secret. */
	source: "secrets-manager";
}

/**
 * The login is given in code: `username` and `password` of the connector. AWS is not asked for it.
 * @example
 * { source: "static" }
 */
export interface IStaticCredentialsSource {
	/** Code. */
	source: "static";
}

/**
 * The login is kept in Parameter Store: in the parameter of `ssmLookups.connection`, or in those of
 * `ssmLookups.username` and `ssmLookups.password`. What is given in code wins. The version of the parameter is the
 * version of the login.
 * @example
 * { source: "parameter-store", keys: { username: "user" } }
 */
export interface IParameterStoreCredentialsSource {
	/** Other names of the values in the parameter of `ssmLookups.connection`. */
	keys?: ISecretKeys;
	/** Parameters. */
	source: "parameter-store";
}

/**
 * IAM authentication of RDS and Aurora: a token for each physical connection, signed here, for the user that `username`
 * names. Needs TLS and the package `@aws-sdk/rds-signer`.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
 * @example
 * { source: "rds-iam" }
 */
export interface IRdsIamCredentialsSource {
	/** Region of the database. Default: the one in the name of its host, then `aws.region` and its default. */
	region?: string;
	/** The AWS identity. */
	source: "rds-iam";
}

/**
 * IAM authentication of Aurora DSQL: a token for each physical connection, signed here. Needs TLS and the package
 * `@aws-sdk/dsql-signer`. `host` may be the id of a cluster where the region is known; the defaults are engine
 * `postgres`, port 5432, database `postgres` and user `admin`.
 * @see https://docs.aws.amazon.com/aurora-dsql/latest/userguide/authentication-authorization.html
 * @example
 * { source: "dsql-iam", tokenDurationSecs: 60 }
 */
export interface IDsqlIamCredentialsSource {
	/** Region of the cluster. Default: the one in the name of its host, then `aws.region` and its default. */
	region?: string;
	/** The AWS identity. */
	source: "dsql-iam";
	/**
	 * How long a token is good for a login, in seconds, 1 … 604,800 (a week). Default 900. Connections outlive their
	 * token.
	 */
	tokenDurationSecs?: number;
}

/**
 * Where logins come from. Default: `static` when both `username` and `password` are given in code, `parameter-store`
 * when `ssmLookups` has both of them or `connection`, `secrets-manager` otherwise.
 * @example
 * { source: "secrets-manager", shouldReadEndpointFromSecret: true }
 */
export type TCredentialsSource =
	| IDsqlIamCredentialsSource
	| IParameterStoreCredentialsSource
	| IRdsIamCredentialsSource
	| ISecretsManagerCredentialsSource
	| IStaticCredentialsSource;
