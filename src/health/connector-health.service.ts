/** Readiness and liveness in the form that `@nestjs/terminus` 8 to 12 takes. */
import { Inject, Injectable } from "@nestjs/common";

import { RotatorService } from "../rotation/rotator.service.js";
import type { IReadiness, IReadinessOptions } from "../rotation/statistics.options.js";
import type { IConnectorHealth, TConnectorHealthResult } from "./health.options.js";
import { loadTerminus } from "./optional-packages.js";

/**
 * Indicator for the health checks of `@nestjs/terminus`, which is an optional peer. For a named registration, provide
 * `new ConnectorHealthIndicator(rotator)` with `inject: [getRotatorToken("reports")]`.
 * @see https://docs.nestjs.com/recipes/terminus
 * @example
 * constructor(private readonly health: HealthCheckService, private readonly database: ConnectorHealthIndicator) {}
 * ready() { return this.health.check([async () => this.database.isReady("database")]); }
 */
@Injectable()
export class ConnectorHealthIndicator {
	constructor(@Inject(RotatorService) private readonly rotator: Pick<RotatorService, "checkReadiness" | "getStatistics">) {}

	/**
	 * For the readiness probe: what `rotator.checkReadiness()` says.
	 * @param key Name of the database in the result.
	 * @throws What `@nestjs/terminus` 8 to 10 expects of an indicator that is down. Later versions get the result.
	 * @example
	 * health.check([async () => database.isReady("database", { timeoutMs: 500 })]);
	 */
	async isReady<Key extends string>(key: Key, options?: IReadinessOptions): Promise<TConnectorHealthResult<Key>> {
		const result = { [key]: describeHealth(await this.rotator.checkReadiness(options)) } as TConnectorHealthResult<Key>;
		if (result[key].status === "down" && isThrownResult()) throw createHealthCheckError(key, result);
		return result;
	}

	/**
	 * For the liveness probe: always up, and the database is not asked. A process that answers needs no restart, which
	 * would not mend a database either.
	 * @param key Name of the database in the result.
	 * @example
	 * health.check([() => database.isAlive("database")]);
	 */
	isAlive<Key extends string>(key: Key): TConnectorHealthResult<Key> {
		return { [key]: { state: this.rotator.getStatistics().state, status: "up" } } as TConnectorHealthResult<Key>;
	}
}

function describeHealth({ isDegraded, reason, servers, status }: IReadiness): IConnectorHealth {
	return {
		status,
		...(isDegraded && { isDegraded }),
		...(reason !== undefined && { reason }),
		...(Object.keys(servers).length > 1 && { servers }),
	};
}

/** Up to version 10 every result that is returned counts as up. */
function isThrownResult(): boolean {
	const terminus = loadTerminus();
	return terminus !== undefined && !("HealthIndicatorService" in terminus);
}

function createHealthCheckError(key: string, causes: object): Error {
	return Object.assign(new Error(`${key} is not available`), { causes, isHealthCheckError: true });
}
