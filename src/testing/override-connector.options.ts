/** The public shape of what replaces AWS in a test. */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";

/**
 * The part of `TestingModuleBuilder` of `@nestjs/testing` that is used.
 * @example
 * const builder: ITestingModuleBuilder = Test.createTestingModule({ imports: [AppModule] });
 */
export interface ITestingModuleBuilder {
	/** Replaces a provider in every module. */
	overrideProvider(token: unknown): {
		/** By what a factory makes, with providers of the same module as arguments. */
		useFactory(options: { factory: (...providers: never[]) => unknown; inject?: never[] }): unknown;
		/** By a value. */
		useValue(value: unknown): unknown;
	};
}

/**
 * A database of a test: its address as `url`, options of the connector, or both; options win over the address.
 * @example
 * { url: "postgres://test:test@localhost:5432/test", shouldSynchronize: true }
 */
export interface ITestDatabase extends Pick<
	ITypeOrmAwsConnectorConfig,
	| "connectionTimeoutMs"
	| "databaseName"
	| "host"
	| "idleTimeoutMs"
	| "isVerbose"
	| "password"
	| "poolSize"
	| "port"
	| "relationLoadStrategy"
	| "shouldSynchronize"
	| "tls"
	| "type"
	| "typeOrmOptions"
	| "username"
> {
	/** Such as `postgres://user:password@host:5432/database`; `mysql:` and `mariadb:` are known, too. */
	url?: string | undefined;
}

/**
 * What an application has in a test in the place of AWS.
 * @example
 * { database: "postgres://test:test@localhost:5432/test", secrets: { "stripe-api-key": "sk_test_1" } }
 */
export interface IConnectorOverride {
	/**
	 * Database of the default DataSource, or its address. Default: user, password and database `test` of a PostgreSQL on
	 * port 5432 of this machine; enough where the DataSource itself is replaced.
	 */
	database?: ITestDatabase | string | undefined;
	/** The same for each DataSource with a name. */
	databases?: Readonly<Record<string, ITestDatabase | string>>;
	/** Parameters by their full names, for ParameterStoreConfigService. Default: none. */
	parameters?: Readonly<Record<string, string>>;
	/** Secrets by their names, for SecretsManagerService; an object is stored as JSON. Default: none. */
	secrets?: Readonly<Record<string, object | string>>;
}
