/** Options that are given to a connector and belong elsewhere, with what to do instead. */
import type { Misplaced } from "../support/check-options.js";
import { OWNED_TYPEORM_OPTIONS } from "./check-typeorm-options.js";
import type { ITypeOrmAwsConnectorTokens } from "./connector.options.js";

/** What is given to a registration and not to the connector. */
export const BINDING_NAMES = [
	"dataSourceName",
	"dataSourceToken",
	"isGlobal",
	"parameterStoreToken",
] as const satisfies (keyof ITypeOrmAwsConnectorTokens)[];

const BESIDE_FACTORY = "belongs beside the factory or class that makes the configuration, not in the configuration";

/** TypeORM's options that are asked for most, and those of `@nestjs/typeorm`. */
const PASSED_THROUGH = [
	"applicationName",
	"cache",
	"charset",
	"dropSchema",
	"entityPrefix",
	"extra",
	"logger",
	"manualInitialization",
	"maxQueryExecutionTime",
	"migrations",
	"migrationsRun",
	"migrationsTableName",
	"namingStrategy",
	"retryAttempts",
	"retryDelay",
	"schema",
	"subscribers",
	"timezone",
	"toRetry",
	"verboseRetryLog",
];

/** The end of `Option "name" …` for each of them. */
export const MISPLACED_OPTIONS: Misplaced = {
	...Object.fromEntries(Object.entries(OWNED_TYPEORM_OPTIONS).map(([name, advice]) => [name, `is unknown; ${advice}`])),
	...Object.fromEntries(PASSED_THROUGH.map((name) => [name, `belongs in "typeOrmOptions"`])),
	...Object.fromEntries([...BINDING_NAMES, "extraProviders", "imports", "inject"].map((name) => [name, BESIDE_FACTORY])),
	logging: 'is unknown; use "isVerbose", or typeOrmOptions.logging for a list of levels',
	name: 'is unknown; to serve a named DataSource, use "dataSourceName"',
	ssl: 'is unknown; use "tls", or typeOrmOptions.ssl for the options of the driver',
};
