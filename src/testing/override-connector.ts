/** Boots an application without AWS: connectors get a database of the test, parameters and secrets come from memory. */
import { isAwsDatabaseHost } from "../aws/database-host.js";
import { DATABASE_CONFIG_PROVIDER } from "../configuration/connector.constants.js";
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { parseDatabaseUrl } from "../configuration/database-url.js";
import { TypeOrmAwsConnectorService } from "../connector/typeorm-aws-connector.service.js";
import { CONNECTOR_NAMES, type ConnectorNames } from "../module/connector.tokens.js";
import { PARAMETER_STORE_SSM_CLIENT } from "../parameter-store/parameter-store.tokens.js";
import { createSecretsManager, SecretsManagerService } from "../secrets/secrets-manager.service.js";
import { createMemorySecretsClient, createMemorySsmClient } from "./memory-clients.js";
import type { IConnectorOverride, ITestDatabase, ITestingModuleBuilder } from "./override-connector.options.js";

const DEFAULT_DATABASE = {
	databaseName: "test",
	host: "127.0.0.1",
	password: "test",
	port: 5432,
	type: "postgres",
	username: "test",
} as const;

/** What decides where a connection goes and as whom; the rest of a configuration is what the test is about. */
const REPLACED_OPTIONS = [
	"aws",
	"credentials",
	"defaultMode",
	"isPlaintextAllowed",
	"replicas",
	"secretId",
	"ssmLookupDefaults",
	"ssmLookups",
	"tls",
	"typeOrmOptions",
];

/** Where TypeORM and its drivers have their TLS. */
interface SslOptions {
	readonly extra?: { readonly ssl?: unknown };
	readonly ssl?: unknown;
}

/**
 * Replaces AWS in a testing module, before `compile()`. Entities, migrations, pool and `typeOrmOptions` stay those of
 * the application; host, login, engine and TLS come from here, replicas are left out, and rotation is off. Nothing asks
 * AWS: `parameters` and `secrets` are all there is.
 * @returns the same builder.
 * @throws OptionInvalidError when the address of a database cannot be used.
 * @example
 * const builder = Test.createTestingModule({ imports: [AppModule] });
 * const module = await overrideConnector(builder, { database: process.env.TEST_DATABASE_URL }).compile();
 */
export function overrideConnector<Builder extends ITestingModuleBuilder>(builder: Builder, options: IConnectorOverride = {}): Builder {
	const { parameters = {}, secrets = {} } = options;
	const databases = new Map(Object.entries(options.databases ?? {}).map(([name, database]) => [name, readDatabase(name, database)]));
	const defaultDatabase = readDatabase("default", options.database ?? {});
	const secretsManagerClient = createMemorySecretsClient(secrets);
	builder.overrideProvider(PARAMETER_STORE_SSM_CLIENT).useValue(createMemorySsmClient(parameters));
	builder.overrideProvider(SecretsManagerService).useFactory({ factory: () => createSecretsManager({ aws: { secretsManagerClient } }) });
	builder.overrideProvider(TypeOrmAwsConnectorService).useFactory({
		factory: (config: ITypeOrmAwsConnectorConfig, { connectorName, dataSourceName }: ConnectorNames) => {
			const database = dataSourceName === undefined ? defaultDatabase : (databases.get(dataSourceName) ?? defaultDatabase);
			return new TypeOrmAwsConnectorService(undefined, undefined, replaceDatabase(config, database), connectorName, dataSourceName);
		},
		inject: [DATABASE_CONFIG_PROVIDER, CONNECTOR_NAMES] as never[],
	});
	return builder;
}

function replaceDatabase(config: ITypeOrmAwsConnectorConfig, database: ITestDatabase): ITypeOrmAwsConnectorConfig {
	const kept = Object.fromEntries(Object.entries(config).filter(([name]) => !REPLACED_OPTIONS.includes(name)));
	const typeOrmOptions = { ...removeSsl(config.typeOrmOptions), ...database.typeOrmOptions };
	const { host = DEFAULT_DATABASE.host } = database;
	const isPlain = !isAwsDatabaseHost(host) && !hasSsl(database.typeOrmOptions);
	return {
		...kept,
		...(isPlain && { tls: false }),
		...DEFAULT_DATABASE,
		...database,
		isPlaintextAllowed: isPlain,
		rotation: { isEnabled: false, shouldRotateOnAuthFailure: false },
		...(Object.keys(typeOrmOptions).length > 0 && { typeOrmOptions }),
	};
}

/** The TLS of the application belongs to its own database. */
function removeSsl({ extra = {}, ...rest }: SslOptions = {}): object {
	const driver = omitSsl(extra);
	return { ...omitSsl(rest), ...(Object.keys(driver).length > 0 && { extra: driver }) };
}

function omitSsl(options: object): object {
	return Object.fromEntries(Object.entries(options).filter(([name]) => name !== "ssl"));
}

function hasSsl({ extra, ssl }: SslOptions = {}): boolean {
	return ssl !== undefined || extra?.ssl !== undefined;
}

function readDatabase(name: string, database: ITestDatabase | string): ITestDatabase {
	const { url, ...given } = typeof database === "string" ? { url: database } : database;
	return url === undefined ? given : { ...parseDatabaseUrl(url, `database "${name}"`), ...given };
}
