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
 * Names of TypeORM's options that a connector fills in by itself, so that they cannot be given in `typeOrmOptions`.
 * @example
 * const owned: TOwnedTypeOrmOption = "poolSize";
 */
export type TOwnedTypeOrmOption =
	| "acquireTimeout"
	| "connectorPackage"
	| "connectTimeout"
	| "connectTimeoutMS"
	| "database"
	| "entities"
	| "host"
	| "password"
	| "poolSize"
	| "port"
	| "relationLoadStrategy"
	| "replication"
	| "socketPath"
	| "synchronize"
	| "type"
	| "url"
	| "username";

/**
 * TypeORM's own options for an engine, without those that the connector fills in. Of an engine that is not known at compile time: the options of
 * each engine.
 * @see https://typeorm.io/docs/data-source/data-source-options
 * @example
 * const typeOrmOptions: TTypeOrmOptions<"postgres"> = { applicationName: "shop-api", migrations: [AddOrders], schema: "shop" };
 */
export type TTypeOrmOptions<TType extends TDatabaseType = TDatabaseType> = TType extends TDatabaseType
	? Partial<Omit<TEngineOptions<`${TType}`>, TOwnedTypeOrmOption | "extra" | "logging">> & ITypeOrmMergedOptions
	: never;

/**
 * The two options of TypeORM to which the connector has something to add.
 * @example
 * { extra: { maxLifetimeSeconds: 1_800 }, logging: ["error"] }
 */
export interface ITypeOrmMergedOptions {
	/** Options of the driver, pg or mysql2. The connector adds its own, key by key. */
	readonly extra?: Readonly<Record<string, unknown>>;
	/** What TypeORM logs while `isVerbose` is `false`. Default: nothing. With `isVerbose: true` it logs everything. */
	readonly logging?: Exclude<NonNullable<DataSourceOptions["logging"]>, boolean | string>;
}

/**
 * TypeORM's options of one engine.
 * @example
 * const options: TEngineOptions<"mysql"> = { charset: "utf8mb4", type: "mysql" };
 */
export type TEngineOptions<TName extends string, TOptions = DataSourceOptions> = TOptions extends { readonly type: infer TKnown }
	? TName extends TKnown
		? TOptions
		: never
	: never;
