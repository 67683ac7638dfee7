/** Settings and a login → TypeORM's options. The one place that knows what each engine's driver calls its settings. */
import type { DataSourceOptions } from "typeorm";

import { EDatabaseType } from "../configuration/connector.enums.js";
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import type { Credentials } from "../credentials/credentials-provider.js";
import type { ResolvedSettings } from "../resolution/resolve-settings.js";
import { CONNECTOR_ORIGIN, ConnectorOrigin } from "./connector-origin.js";

/** What options are made of. */
export interface OptionsParts {
	readonly connector: { readonly connectorId: string; readonly name: string };
	readonly credentials: Credentials;
	readonly entities: ITypeOrmAwsConnectorConfig["entities"];
	readonly settings: ResolvedSettings;
}

/** A new options object, marked with the connector that made it. */
export function createDataSourceOptions({ connector, credentials, entities, settings }: OptionsParts): DataSourceOptions {
	const target = {
		database: settings.databaseName,
		host: settings.host,
		password: credentials.password,
		port: settings.port,
		username: credentials.username,
	};
	const options = {
		...target,
		entities,
		logging: settings.isVerbose,
		relationLoadStrategy: settings.relationLoadStrategy,
		synchronize: settings.shouldSynchronize,
		type: settings.type,
		...describePool(settings),
		[CONNECTOR_ORIGIN]: new ConnectorOrigin(connector.connectorId, connector.name, target),
	};
	return options;
}

function describePool({ connectionTimeoutMs, idleTimeoutMs, poolSize, type }: ResolvedSettings): object {
	if (type === EDatabaseType.POSTGRES) {
		return { extra: { connectionTimeoutMillis: connectionTimeoutMs, idleTimeoutMillis: idleTimeoutMs, max: poolSize } };
	}
	return {
		connectTimeout: connectionTimeoutMs,
		// TypeORM 0.3 takes the older package when both are installed; 1.x has no such option and ignores it.
		connectorPackage: "mysql2",
		// mysql2 has no "never", so its own default (no limit) is left in place; to pg, 0 means the same.
		...(idleTimeoutMs === 0 ? {} : { extra: { idleTimeout: idleTimeoutMs, maxIdle: findMaximumIdle(poolSize) } }),
		poolSize,
	};
}

/**
 * mysql2 closes idle connections only while `maxIdle` is below the size of the pool, and always closes those above `maxIdle`.
 * One below costs a single connection of a full pool; with a pool of one it would close the only connection every second.
 */
function findMaximumIdle(poolSize: number): number {
	return Math.max(1, poolSize - 1);
}
