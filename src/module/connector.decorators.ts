/** Injection by the name of a DataSource, as `@InjectDataSource("name")` of `@nestjs/typeorm` does it. */
import { Inject, type InjectionToken } from "@nestjs/common";

import { getConnectorToken, getRotatorToken } from "./connector.tokens.js";

/**
 * Injects the TypeOrmAwsConnectorService of one DataSource.
 * @param dataSource Name of the DataSource, or its token. Default: the default DataSource.
 * @example
 * constructor(@InjectConnector("reports") private readonly connector: TypeOrmAwsConnectorService) {}
 */
export function InjectConnector(dataSource?: InjectionToken): ParameterDecorator & PropertyDecorator {
	return Inject(getConnectorToken(dataSource));
}

/**
 * Injects the RotatorService of one DataSource.
 * @param dataSource Name of the DataSource, or its token. Default: the default DataSource.
 * @example
 * constructor(@InjectRotator("reports") private readonly rotator: RotatorService) {}
 */
export function InjectRotator(dataSource?: InjectionToken): ParameterDecorator & PropertyDecorator {
	return Inject(getRotatorToken(dataSource));
}
