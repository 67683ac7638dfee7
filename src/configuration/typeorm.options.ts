/** The public shape of what a connector passes through to TypeORM. */
import type { DataSourceOptions } from "typeorm";

import type { EDatabaseType } from "./connector.enums.js";

/**
 * An engine: a member of the enum, or its text.
 * @example
 * const type: TDatabaseType = "postgres";
 */
export type TDatabaseType = EDatabaseType | `${EDatabaseType}`;

/**
 * TypeORM's own options for an engine, without those that the connector fills in. Of an engine that is not known at
 * compile time: the options of each engine.
 * @see https://typeorm.io/docs/data-source/data-source-options
 * @example
 * const typeOrmOptions: TTypeOrmOptions<"postgres"> = { applicationName: "shop-api", migrations: [AddOrders], schema: "shop" };
 */
export type TTypeOrmOptions<TType extends TDatabaseType = TDatabaseType> = TType extends TDatabaseType
	? DataSourceOptions extends infer TOptions
		? TOptions extends { readonly type: infer TKnown }
			? `${TType}` extends TKnown
				? INestTypeOrmOptions & {
						/** Options of the driver, pg or mysql2. The connector adds its own, key by key. */
						readonly extra?: Readonly<Record<string, unknown>>;
						/**
						 * What TypeORM logs while `isVerbose` is `false`. Default: nothing. With `isVerbose: true` it logs everything.
						 */
						readonly logging?: Exclude<NonNullable<DataSourceOptions["logging"]>, boolean | string>;
					} & Partial<
							Omit<
								TOptions,
								| "acquireTimeout"
								| "connectorPackage"
								| "connectTimeout"
								| "connectTimeoutMS"
								| "database"
								| "entities"
								| "extra"
								| "host"
								| "logging"
								| "password"
								| "poolSize"
								| "port"
								| "relationLoadStrategy"
								| "replication"
								| "socketPath"
								| "synchronize"
								| "type"
								| "url"
								| "username"
							>
						>
				: never
			: never
		: never
	: never;

/**
 * What `@nestjs/typeorm` reads of the options besides what TypeORM does. `autoLoadEntities` is an option of the
 * connector itself.
 * @see https://docs.nestjs.com/techniques/database
 * @example
 * { typeOrmOptions: { retryAttempts: 3, retryDelay: 1_000 } }
 */
export interface INestTypeOrmOptions {
	/** Whether the application calls `dataSource.initialize()` itself. Default `false`. */
	readonly manualInitialization?: boolean;
	/** How often connecting is tried at the start. Default 10. */
	readonly retryAttempts?: number;
	/** Time between two attempts, in milliseconds. Default 3,000. */
	readonly retryDelay?: number;
	/** Whether an attempt that failed with this error is repeated. Default: always. */
	readonly toRetry?: (error: unknown) => boolean;
	/** Whether the message of each failed attempt is logged. Default `false`. */
	readonly verboseRetryLog?: boolean;
}
