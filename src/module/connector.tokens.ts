/** Names under which one connector among several can be injected. */
import type { InjectionToken } from "@nestjs/common";
import { DataSource } from "typeorm";

/** Token of the name of a registration's interval. */
export const ROTATION_INTERVAL_NAME = "TYPEORM_AWS_CONNECTOR_ROTATION_INTERVAL_NAME";

/** Strings can be compared; a class or a symbol is only itself, so what was made for it is kept. */
const issuedTokens = new Map<InjectionToken, { connector: symbol; rotator: symbol }>();

/**
 * Names the TypeOrmAwsConnectorService that was registered with this `dataSourceToken`, for `inject` anywhere in the application,
 * without an import.
 * @param dataSourceToken The one given at registration. Default: typeorm's `DataSource`, which means the registration without one.
 * @example
 * TypeOrmModule.forRootAsync({
 * 	name: "orders",
 * 	inject: [getConnectorToken(getDataSourceToken("orders"))],
 * 	useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
 * });
 */
export function getConnectorToken(dataSourceToken: InjectionToken = DataSource): InjectionToken {
	return typeof dataSourceToken === "string" ? `TypeOrmAwsConnectorService:${dataSourceToken}` : issueTokens(dataSourceToken).connector;
}

/**
 * Names the RotatorService that was registered with this `dataSourceToken`, for `inject` anywhere in the application, without an import.
 * @param dataSourceToken The one given at registration. Default: typeorm's `DataSource`, which means the registration without one.
 * @example
 * constructor(@Inject(getRotatorToken(getDataSourceToken("orders"))) private readonly rotator: RotatorService) {}
 */
export function getRotatorToken(dataSourceToken: InjectionToken = DataSource): InjectionToken {
	return typeof dataSourceToken === "string" ? `RotatorService:${dataSourceToken}` : issueTokens(dataSourceToken).rotator;
}

/** What logs, events and errors call the connector of a DataSource. */
export function nameConnector(dataSourceToken: InjectionToken = DataSource): string {
	if (dataSourceToken === DataSource) return "default";
	return typeof dataSourceToken === "function" ? dataSourceToken.name : String(dataSourceToken);
}

/** The name behind a token of `getDataSourceToken("name")`; `undefined` for the default DataSource, and for tokens of another kind. */
export function nameDataSource(dataSourceToken?: InjectionToken): string | undefined {
	return typeof dataSourceToken === "string" ? /^(.+)DataSource$/.exec(dataSourceToken)?.[1] : undefined;
}

function issueTokens(dataSourceToken: InjectionToken): { connector: symbol; rotator: symbol } {
	const issued = issuedTokens.get(dataSourceToken) ?? {
		connector: Symbol(`TypeOrmAwsConnectorService:${nameConnector(dataSourceToken)}`),
		rotator: Symbol(`RotatorService:${nameConnector(dataSourceToken)}`),
	};
	issuedTokens.set(dataSourceToken, issued);
	return issued;
}
