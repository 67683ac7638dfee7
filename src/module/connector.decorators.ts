/**
 * Decorators. Injection is by the name of a DataSource, as `@InjectDataSource("name")` of `@nestjs/typeorm` does it.
 */
import { Inject, type InjectionToken } from "@nestjs/common";

import type { ConnectorEvent } from "../events/connector-event.js";
import { getConnectorToken, getRotatorToken } from "./connector.tokens.js";
import { markHandler } from "./rotation-handlers.js";

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

/**
 * Calls the method with each event of one type. What the method throws, or its promise rejects with, is logged and
 * reaches nothing else. The provider may be in any module; a provider for each request has no instance to call.
 * @param type Type of the event, such as `rotation.failed`.
 * @param dataSource Name of the DataSource, or its token. Default: the default DataSource.
 * @example
 * @OnRotation("rotation.failed") alarm({ fault, trigger }: Extract<ConnectorEvent, { type: "rotation.failed" }>) {
 * this.pager.call(fault.code, trigger); }
 */
export function OnRotation<Type extends ConnectorEvent["type"]>(
	type: Type,
	dataSource?: InjectionToken,
): <Method extends (event: Extract<ConnectorEvent, { type: Type }>) => unknown>(
	target: object,
	method: string | symbol,
	descriptor: TypedPropertyDescriptor<Method>,
) => void {
	return (target, method) => {
		markHandler(target, { method, rotatorToken: getRotatorToken(dataSource), type });
	};
}
