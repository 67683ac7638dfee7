/**
 * A DataSource for the TypeORM CLI, seeds, scripts, queue workers and functions: the connector without a Nest
 * application.
 */
import { checkTypeOrmOptions } from "../configuration/check-typeorm-options.js";
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import type { TDatabaseType } from "../configuration/typeorm.options.js";
import { TypeOrmAwsConnectorService } from "../connector/typeorm-aws-connector.service.js";
import { ConfigurationError, OptionInvalidError } from "../errors/errors.js";
import { checkGroup, checkOptions, type Checks, isGroup } from "../support/check-options.js";
import { ConnectorDataSource, type DataSourceParts } from "./connector-data-source.js";
import type { IConnectorDataSource, ICreateDataSourceOptions } from "./create-data-source.options.js";
import { openParameters } from "./open-parameters.js";

const CHECKS: Checks<ICreateDataSourceOptions> = {
	connector: (value) => {
		if (!isGroup(value)) return "must be the options of a connector, or a connector";
		return value["autoLoadEntities"] === true && value["entities"] === undefined
			? "has autoLoadEntities, which is an option of @nestjs/typeorm: list the entities"
			: undefined;
	},
	name: (value) => (typeof value === "string" && value !== "" ? undefined : "must be a text"),
	parameters: checkGroup,
	shouldInitialize: (value) => (typeof value === "boolean" ? undefined : "must be true or false"),
	typeOrmOptions: checkGroup,
};

/** What decides how a password is given to a server; a connector that exists has warned of its own only. */
const PROTECTION_OPTIONS = ["ssl", "extra.ssl", "extra.authPlugins"];

/**
 * A DataSource whose options come from AWS, with rotation and recovery, outside of Nest.
 * @throws ConfigurationError with every option that is unknown or invalid; what `getTypeOrmOptions()` of the connector
 * throws; the driver's own error when the database refuses the connection. Nothing stays open then.
 * @example
 * // data-source.ts, for `typeorm migration:run -d data-source.ts`
 * export default createDataSource({
 * 	parameters: { application: "shop", environment: "production", namespace: "aws-ecs-fargate", instanceName: "shop-api" },
 * 	connector: { entities: [UserEntity], typeOrmOptions: { migrations: ["migrations/*.ts"] } },
 * 	shouldInitialize: false,
 * });
 */
export async function createDataSource<Engine extends TDatabaseType = TDatabaseType>(
	options: ICreateDataSourceOptions<Engine>,
): Promise<IConnectorDataSource> {
	assertValid(options);
	const { connector, shouldInitialize = true, typeOrmOptions } = options;
	const parts = await openParts(options);
	try {
		const made = await parts.connector.getTypeOrmOptions();
		// A new connector has them already: TLS and its warnings depend on them.
		const isShared = connector instanceof TypeOrmAwsConnectorService;
		const dataSource = new ConnectorDataSource(isShared ? putOnTop(made, typeOrmOptions) : made, parts);
		return shouldInitialize ? await initialize(dataSource) : dataSource;
	} catch (error) {
		parts.closeParts();
		throw error;
	}
}

async function initialize(dataSource: ConnectorDataSource): Promise<ConnectorDataSource> {
	try {
		return await dataSource.initialize();
	} catch (error) {
		// The error that is thrown says more than one of the end.
		await dataSource.close().catch(() => undefined);
		throw error;
	}
}

/** Options of the driver one by one: among those of the connector is what keeps a password of MySQL from a stranger. */
function putOnTop<Options extends object>(options: Options, onTop: object = {}): Options {
	const [below, above] = [options, onTop].map((each) => (each as { readonly extra?: object }).extra);
	return { ...options, ...onTop, ...(below !== undefined && above !== undefined && { extra: { ...below, ...above } }) };
}

async function openParts({ connector, name, parameters: given, typeOrmOptions }: ICreateDataSourceOptions): Promise<DataSourceParts> {
	if (connector instanceof TypeOrmAwsConnectorService) return { closeParts: () => undefined, connector };
	const parameters = await openParameters(given);
	try {
		const own = new TypeOrmAwsConnectorService(undefined, parameters.source, addOptions(connector, typeOrmOptions), name);
		return {
			closeParts: () => {
				own.close();
				parameters.close();
			},
			connector: own,
		};
	} catch (error) {
		parameters.close();
		throw error;
	}
}

/** What is no group is refused by the connector. */
function addOptions(connector: ITypeOrmAwsConnectorConfig, onTop: object | undefined): ITypeOrmAwsConnectorConfig {
	const { typeOrmOptions = {} } = connector;
	return onTop === undefined || !isGroup(typeOrmOptions) ? connector : { ...connector, typeOrmOptions: putOnTop(typeOrmOptions, onTop) };
}

function assertValid(options: Partial<ICreateDataSourceOptions> | undefined): void {
	if (!isGroup(options)) throw new ConfigurationError([new OptionInvalidError("options", "must be an object with a connector")]);
	const { connector, name, parameters, typeOrmOptions } = options;
	const problems = [
		...(connector === undefined ? [new OptionInvalidError("connector", "is required")] : []),
		...checkOptions("", options, CHECKS),
		...(connector instanceof TypeOrmAwsConnectorService ? refuseBeside({ name, parameters }) : []),
		...(isGroup(typeOrmOptions) ? checkTypeOrmOptions(typeOrmOptions) : []),
		...(connector instanceof TypeOrmAwsConnectorService && isGroup(typeOrmOptions) ? refuseProtection(typeOrmOptions) : []),
	];
	if (problems.length > 0) throw new ConfigurationError(problems);
}

function refuseProtection(onTop: Readonly<Record<string, unknown>>): OptionInvalidError[] {
	const extra = isGroup(onTop["extra"]) ? onTop["extra"] : {};
	return PROTECTION_OPTIONS.filter((option) => (option === "ssl" ? onTop["ssl"] : extra[option.replace("extra.", "")]) !== undefined).map(
		(option) => new OptionInvalidError(`typeOrmOptions.${option}`, "belongs to the connector, which exists already"),
	);
}

function refuseBeside(given: object): OptionInvalidError[] {
	return Object.entries(given)
		.filter(([, value]) => value !== undefined)
		.map(([option]) => new OptionInvalidError(option, "belongs to the connector, which exists already"));
}
