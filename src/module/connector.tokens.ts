/** Names under which one connector among several can be injected. */
import type { InjectionToken } from "@nestjs/common";
import { DataSource } from "typeorm";

import type { ITypeOrmAwsConnectorTokens } from "../configuration/connector.options.js";
import { OptionInvalidError } from "../errors/errors.js";

/** Token of the name of a registration's interval. */
export const ROTATION_INTERVAL_NAME = "TYPEORM_AWS_CONNECTOR_ROTATION_INTERVAL_NAME";

/** Token of the names of a registration. */
export const CONNECTOR_NAMES = "TYPEORM_AWS_CONNECTOR_NAMES";

/** What a registration is called in messages, and the name of its DataSource, where it has one. */
export interface ConnectorNames {
	readonly connectorName: string;
	readonly dataSourceName: string | undefined;
}

/** The name that `@nestjs/typeorm` gives to the DataSource without a name. */
const DEFAULT_NAME = "default";

/** What `getDataSourceToken("name")` makes of a name. */
const TOKEN_OF_NAME = /^(.+)DataSource$/;

/** Strings can be compared; a class or a symbol is only itself, so what was made for it is kept. */
const issuedTokens = new Map<InjectionToken, { connector: symbol; rotator: symbol }>();

/**
 * Token of the TypeOrmAwsConnectorService of one DataSource, for `inject` anywhere in the application, without an
 * import.
 * @param dataSource Name of the DataSource, or its token as `getDataSourceToken("name")` gives it. Default: the default
 * DataSource.
 * @example
 * TypeOrmModule.forRootAsync({
 * 	name: "orders",
 * 	inject: [getConnectorToken("orders")],
 * 	useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
 * });
 */
export function getConnectorToken(dataSource: InjectionToken = DataSource): InjectionToken {
	const token = toDataSourceToken(dataSource);
	return typeof token === "string" ? `TypeOrmAwsConnectorService:${token}` : issueTokens(token).connector;
}

/**
 * Token of the RotatorService of one DataSource, for `inject` anywhere in the application, without an import.
 * @param dataSource Name of the DataSource, or its token as `getDataSourceToken("name")` gives it. Default: the default
 * DataSource.
 * @example
 * constructor(@Inject(getRotatorToken("orders")) private readonly rotator: RotatorService) {}
 */
export function getRotatorToken(dataSource: InjectionToken = DataSource): InjectionToken {
	const token = toDataSourceToken(dataSource);
	return typeof token === "string" ? `RotatorService:${token}` : issueTokens(token).rotator;
}

/**
 * Token of the DataSource that a registration names; `undefined` for the default one.
 * @throws OptionInvalidError when the name cannot be one, or a token is given as well.
 */
export function readDataSourceToken({ dataSourceName, dataSourceToken }: ITypeOrmAwsConnectorTokens): InjectionToken | undefined {
	if (dataSourceName === undefined) return dataSourceToken;
	if (typeof dataSourceName !== "string" || dataSourceName.trim() === "") {
		throw new OptionInvalidError("dataSourceName", "must be the name given to TypeOrmModule.forRootAsync({ name })");
	}
	if (dataSourceToken !== undefined) throw new OptionInvalidError("dataSourceName", 'cannot be combined with "dataSourceToken"');
	const [, name] = TOKEN_OF_NAME.exec(dataSourceName) ?? [];
	if (name !== undefined) {
		throw new OptionInvalidError(
			"dataSourceName",
			`ends as tokens do: use "${name}", or, for a DataSource named "${dataSourceName}", dataSourceToken: getDataSourceToken("${dataSourceName}")`,
		);
	}
	return dataSourceName === DEFAULT_NAME ? undefined : toDataSourceToken(dataSourceName);
}

/**
 * Refuses a text that is neither a token of `getDataSourceToken("name")` nor provided by the application.
 * @param dataSource what the application provides under the token.
 */
export function assertDataSourceToken(dataSourceToken: InjectionToken | undefined, dataSource: unknown): void {
	if (typeof dataSourceToken !== "string" || TOKEN_OF_NAME.test(dataSourceToken) || dataSource !== undefined) return;
	throw new OptionInvalidError(
		"dataSourceToken",
		`is "${dataSourceToken}", which is no token of a DataSource; for one of that name, use dataSourceName: "${dataSourceToken}"`,
	);
}

/** What logs, events and errors call the connector of a DataSource. */
export function nameConnector(dataSourceToken: InjectionToken = DataSource): string {
	if (dataSourceToken === DataSource) return DEFAULT_NAME;
	return nameDataSource(dataSourceToken) ?? (typeof dataSourceToken === "function" ? dataSourceToken.name : String(dataSourceToken));
}

/**
 * The name behind a token of `getDataSourceToken("name")`; `undefined` for the default DataSource, and for tokens of
 * another kind.
 */
export function nameDataSource(dataSourceToken?: InjectionToken): string | undefined {
	return typeof dataSourceToken === "string" ? TOKEN_OF_NAME.exec(dataSourceToken)?.[1] : undefined;
}

/** As `getDataSourceToken()` of `@nestjs/typeorm`, which an application may lack. */
function toDataSourceToken(nameOrToken: InjectionToken): InjectionToken {
	if (nameOrToken === DEFAULT_NAME) return DataSource;
	return typeof nameOrToken !== "string" || TOKEN_OF_NAME.test(nameOrToken) ? nameOrToken : `${nameOrToken}DataSource`;
}

function issueTokens(dataSourceToken: InjectionToken): { connector: symbol; rotator: symbol } {
	const issued = issuedTokens.get(dataSourceToken) ?? {
		connector: Symbol(`TypeOrmAwsConnectorService:${nameConnector(dataSourceToken)}`),
		rotator: Symbol(`RotatorService:${nameConnector(dataSourceToken)}`),
	};
	issuedTokens.set(dataSourceToken, issued);
	return issued;
}
