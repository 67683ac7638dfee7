/** The public shape of what a user gives a connector. */
import type { InjectionToken, ModuleMetadata, OptionalFactoryDependency, Provider, Type } from "@nestjs/common";
import type { DataSourceOptions } from "typeorm";

import type { ITypeOrmAwsConnectorAws } from "../aws/aws.options.js";
import type { IConfigGetProperties, TParameterLookup } from "../parameter-store/parameter-store.options.js";
import type { ERelationLoadStrategy } from "./connector.enums.js";
import type { TCredentialsSource } from "./credentials.options.js";
import type { ITypeOrmAwsConnectorReplica, TReplicationMode } from "./replica.options.js";
import type { ITypeOrmAwsConnectorTls } from "./tls.options.js";
import type { TDatabaseType, TTypeOrmOptions } from "./typeorm.options.js";

/**
 * A structured lookup: `path` below `/<application>/<environment>/<namespace>/<instanceName>`, every other segment
 * optional.
 * @example
 * { namespace: ENamespace.AWS_RDS, instanceName: "aurora-postgres", path: ["host"] }
 */
export type IStructuredLookup = IConfigGetProperties;

/**
 * Segments used where neither a field's own lookup nor the canonical one names them.
 * @example
 * { ssmLookupDefaults: { instanceName: "reports" } }
 */
export type ITypeOrmAwsConnectorSsmLookupDefaults = Omit<IStructuredLookup, "path">;

/**
 * Where each field is looked up, for those that are not at their canonical place: by the full name of the parameter
 * (`/prod/db/host`, or an ARN), or by a structured lookup, which needs its `path`. Default of each: see
 * `TYPEORM_AWS_CONNECTOR_CONSTANT.CANONICAL_SSM_LOOKUPS`; `connection`, `password` and `username` have none.
 * @example
 * { ssmLookups: { host: "/prod/db/host", port: { namespace: "aws-rds", instanceName: "reports", path: ["port"] } } }
 * { ssmLookups: { connection: "/prod/db" } }
 */
export interface ITypeOrmAwsConnectorSsmLookups {
	/**
	 * One parameter for the whole connection: a JSON object with the keys of a secret of RDS (`engine`, `host`, `port`,
	 * `dbname`, `username`, `password`), or with those of `credentials.keys`. It holds the login, too, where neither
	 * `credentials` nor a secret id say otherwise, and should be a SecureString then. The ARN of a secret instead of a
	 * parameter means that secret.
	 */
	connection?: TParameterLookup;
	/** How long opening a connection may take. */
	connectionTimeoutMs?: TParameterLookup;
	/** Name of the database. */
	databaseName?: TParameterLookup;
	/** Host name of the database server. */
	host?: TParameterLookup;
	/** After how long an idle connection is closed. */
	idleTimeoutMs?: TParameterLookup;
	/** Whether TypeORM logs its queries. */
	isVerbose?: TParameterLookup;
	/** Password, in a SecureString of its own. The version of the parameter is the version of the login. */
	password?: TParameterLookup;
	/** Largest number of connections. */
	poolSize?: TParameterLookup;
	/** Port of the database server. */
	port?: TParameterLookup;
	/** How relations are loaded. */
	relationLoadStrategy?: TParameterLookup;
	/** `rotation.intervalMs`. */
	rotationIntervalMs?: TParameterLookup;
	/** `rotation.isEnabled`. */
	rotationIsEnabled?: TParameterLookup;
	/** Name or ARN of the secret. */
	secretId?: TParameterLookup;
	/** Whether TypeORM synchronizes the schema at start. */
	shouldSynchronize?: TParameterLookup;
	/** Engine. */
	type?: TParameterLookup;
	/** User name, in a parameter of its own. */
	username?: TParameterLookup;
}

/**
 * When and how credentials are rotated.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotation-strategy.html
 * @example
 * { isEnabled: true, intervalMs: 300_000, drainTimeoutMs: 120_000 }
 */
export type TDatabaseConfigRotation = {
	/**
	 * Hosts to which a rotation may take connections away from a database of AWS: host names, or `*.example.com` for every
	 * name below one. Default: none. A move from one database of AWS to another, or from a host of another owner, needs no
	 * entry. Where the list lacks a host, the endpoint stays and credentials go on rotating there.
	 */
	allowedHosts?: readonly string[];
	/** How long a retired pool may finish its work before its connections are cut, in milliseconds. Default 60,000. */
	drainTimeoutMs?: number;
	/** Time between two scheduled rotations in milliseconds, 1 … 2,592,000,000 (30 days). Default: SSM, then 3,600,000. */
	intervalMs?: number;
	/** Whether rotations are scheduled. Default: SSM, then `false`. `rotateDatabaseConnection()` works either way. */
	isEnabled?: boolean;
	/**
	 * Whether a refused login waits for credentials that work, at most `connectionTimeoutMs`. Default: the value of
	 * `isEnabled`.
	 */
	shouldRotateOnAuthFailure?: boolean;
	/**
	 * Whether AWSPENDING is tried when AWSCURRENT is refused, as happens in the middle of a single-user rotation. Default
	 * `true`. Not being allowed to read that version costs one warning; switch it off where such calls are denied.
	 *
	 * While there is such a version, `getTypeOrmOptions()` logs in once to learn which one the server takes, with the
	 * connector's own options, `tls` and `typeOrmOptions` included: without what an application puts on top of them.
	 * `false` does without that login.
	 */
	shouldUsePendingSecret?: boolean;
};

/**
 * One connector. For every field the order is: the value given here, then SSM, then the default.
 * @see https://typeorm.io/docs/data-source/data-source-options for what TypeORM does with the values.
 * @example
 * { entities: [UserEntity], poolSize: 20, rotation: { isEnabled: true } }
 */
export interface ITypeOrmAwsConnectorConfig<TType extends TDatabaseType = TDatabaseType> {
	/**
	 * Whether `@nestjs/typeorm` adds the entities of every `TypeOrmModule.forFeature()`; `entities` may then be left out.
	 * Default `false`. TypeORM by itself does not know this option.
	 */
	autoLoadEntities?: boolean;
	/** How AWS is reached. Default: as the AWS SDK finds out by itself. */
	aws?: ITypeOrmAwsConnectorAws;
	/** How long opening a connection may take, in milliseconds. Default: SSM, then 30,000. */
	connectionTimeoutMs?: number;
	/** Where logins come from. Default: code when it has both `username` and `password`, Secrets Manager otherwise. */
	credentials?: TCredentialsSource;
	/** Name of the database. */
	databaseName?: string;
	/** Where reads go that do not say it, when there are `replicas`. Default: `slave`, a replica. */
	defaultMode?: TReplicationMode;
	/** TypeORM's entities. Required without `autoLoadEntities`. */
	entities?: DataSourceOptions["entities"];
	/** Host name of the database server. */
	host?: string;
	/** After how many milliseconds an idle connection is closed. Default: SSM, then 30,000. */
	idleTimeoutMs?: number;
	/**
	 * Whether connections without TLS are intended. Default `false`: one warning names each host that is not this machine,
	 * and MySQL's logins that would send the password in clear are refused.
	 */
	isPlaintextAllowed?: boolean;
	/** Whether TypeORM logs its queries. Default: SSM, then `false`. */
	isVerbose?: boolean;
	/**
	 * Whether the logger gets fields beside the text of each line: `event`, `connector`, and what the event tells, such as
	 * `generation` and `durationMs`. For loggers like nestjs-pino, which take an object before the text. Default `false`.
	 */
	shouldLogFields?: boolean;
	/** Password, taken verbatim. Wins over the secret's. Together with `username` it makes AWS unnecessary. */
	password?: string;
	/** Largest number of connections. Default: SSM, then 10. */
	poolSize?: number;
	/** Port of the database server. */
	port?: number;
	/** How relations are loaded. Default: SSM, then `query`. */
	relationLoadStrategy?: ERelationLoadStrategy | `${ERelationLoadStrategy}`;
	/** Read replicas, each with places of its own. Default: none. */
	replicas?: readonly ITypeOrmAwsConnectorReplica[];
	/** Rotation of credentials. */
	rotation?: TDatabaseConfigRotation;
	/** Name or ARN of the secret that holds `username` and `password`. */
	secretId?: string;
	/** Whether TypeORM synchronizes the schema at start. Never repeated by a rotation. Default: SSM, then `false`. */
	shouldSynchronize?: boolean;
	/** Segments for lookups that do not name them. */
	ssmLookupDefaults?: ITypeOrmAwsConnectorSsmLookupDefaults;
	/** Other places for single fields. */
	ssmLookups?: ITypeOrmAwsConnectorSsmLookups;
	/**
	 * Encryption of the connection. Default: on and verified when a host is a database of AWS (RDS, Aurora, RDS Proxy,
	 * Aurora DSQL), with the authorities of RDS added to those that Node trusts; for every other host as TypeORM and its
	 * driver have it, which is off. `true` switches it on for any host, `false` off. Without TLS one warning names the
	 * host, unless it is this machine or `isPlaintextAllowed` is `true`.
	 */
	tls?: ITypeOrmAwsConnectorTls | boolean;
	/** Engine. */
	type?: TType;
	/**
	 * Every other option of TypeORM and of `@nestjs/typeorm`: migrations, subscribers, schema, ssl, logger,
	 * namingStrategy, cache, extra, retryAttempts … What the connector fills in by itself is refused here, with the name
	 * of the connector's own option.
	 */
	typeOrmOptions?: TTypeOrmOptions<TType>;
	/**
	 * User name. Wins over the secret's. For IAM logins, the database user: required on RDS, `admin` by default on Aurora
	 * DSQL.
	 */
	username?: string;
}

/**
 * What has to be known before anything can be injected, and is therefore given beside a factory, not by it.
 * @example
 * { dataSourceName: "reports" }
 */
export interface ITypeOrmAwsConnectorTokens {
	/**
	 * Name of the DataSource that the connector rotates, as given to `TypeOrmModule.forRootAsync({ name })`. Default: the
	 * default DataSource.
	 */
	dataSourceName?: string;
	/**
	 * Token of that DataSource, where it has no name: a class or a symbol, or what `getDataSourceToken("name")` of
	 * `@nestjs/typeorm` gives. A text that is no token is refused when the application starts.
	 */
	dataSourceToken?: InjectionToken;
	/**
	 * Whether TypeOrmAwsConnectorService and RotatorService mean this registration in every module, or in the importing
	 * one alone. Default: `true` for the default DataSource, `false` for any other. By the name of its DataSource a
	 * registration can be injected everywhere.
	 */
	isGlobal?: boolean;
	/** Token of any provider with `get(lookup)`. Default: ParameterStoreConfigService, where the application has it. */
	parameterStoreToken?: InjectionToken;
}

/**
 * Options of `TypeOrmAwsConnectorModule.register()`.
 * @example
 * { dataSourceName: "reports", entities: [ReportEntity], rotation: { isEnabled: true } }
 */
export interface ITypeOrmAwsConnectorModuleOptions<TType extends TDatabaseType = TDatabaseType>
	extends ITypeOrmAwsConnectorTokens, ITypeOrmAwsConnectorConfig<TType> {}

/**
 * A class that makes the configuration, for `useClass` and `useExisting`.
 * @example
 * class DatabaseConfig implements ITypeOrmAwsConnectorConfigFactory {
 * 	createTypeOrmAwsConnectorConfig() {
 * 		return { entities: [UserEntity] };
 * 	}
 * }
 */
export interface ITypeOrmAwsConnectorConfigFactory {
	/** Called once, when the application starts. */
	createTypeOrmAwsConnectorConfig(): ITypeOrmAwsConnectorConfig | Promise<ITypeOrmAwsConnectorConfig>;
}

/**
 * Options of `TypeOrmAwsConnectorModule.registerAsync()`: one of `useFactory`, `useClass`, `useExisting`.
 * @example
 * { imports: [ConfigModule], inject: [ConfigService], useFactory: (config: ConfigService) => ({ entities: [UserEntity] }) }
 */
export interface ITypeOrmAwsConnectorModuleAsyncOptions<
	// A factory with typed parameters is not assignable to one that takes `unknown`.
	// eslint-disable-next-line @typescript-eslint/no-explicit-any
	TFactoryArguments extends unknown[] = any[],
	TType extends TDatabaseType = TDatabaseType,
>
	extends ITypeOrmAwsConnectorTokens, Pick<ModuleMetadata, "imports"> {
	/** Providers that the factory or the class needs, besides those of `imports`. */
	extraProviders?: Provider[];
	/** What the factory is given. */
	inject?: (InjectionToken | OptionalFactoryDependency)[];
	/** A class to make the configuration, instantiated for this registration. */
	useClass?: Type<ITypeOrmAwsConnectorConfigFactory>;
	/** A provider of an imported module that makes the configuration. */
	useExisting?: InjectionToken;
	/** A function that makes the configuration. */
	useFactory?: (...factoryArguments: TFactoryArguments) => ITypeOrmAwsConnectorConfig<TType> | Promise<ITypeOrmAwsConnectorConfig<TType>>;
}

/**
 * The two fields a secret must have, as Secrets Manager writes them for a database. Others are ignored.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
 */
export interface IAwsDatabaseCredentialsSecret {
	/** Taken verbatim, white space included. Not empty. */
	password: string;
	/** Not empty. */
	username: string;
}
