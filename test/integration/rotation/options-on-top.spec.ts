/** Size and times of the pool that an application puts on top of the connector's options, by any of TypeORM's names, win and survive rotations. */
import type { DataSourceOptions } from "typeorm";

import type { AnyPool } from "../../support/counted-pools.js";
import { describeEngines } from "../../support/describe-engines.js";
import { primaryPool } from "../../support/live-pools.js";
import type { EngineName } from "../../support/server/database-server.js";

const SIZE = 3;
const TIMEOUT_MS = 4_321;

interface OnTop {
	readonly options: (served: DataSourceOptions) => object;
	readonly title: string;
}

const ON_TOP: Readonly<Record<"mysql2" | "pg", readonly OnTop[]>> = {
	mysql2: [{ options: () => ({ connectTimeout: TIMEOUT_MS, poolSize: SIZE }), title: "poolSize and connectTimeout" }],
	pg: [
		{ options: () => ({ connectTimeoutMS: TIMEOUT_MS, poolSize: SIZE }), title: "poolSize and connectTimeoutMS" },
		{
			options: ({ extra }) => ({ extra: { ...(extra as object), connectionTimeoutMillis: TIMEOUT_MS, max: SIZE } }),
			title: "extra.max and extra.connectionTimeoutMillis",
		},
		{
			options: () => ({ connectTimeoutMS: TIMEOUT_MS, extra: { application_name: "shop" }, poolSize: SIZE }),
			title: "an extra without the connector's",
		},
	],
};

function nameDriver(engine: EngineName): keyof typeof ON_TOP {
	return engine === "postgres" ? "pg" : "mysql2";
}

function readSettings(pool: AnyPool): unknown[] {
	if ("totalCount" in pool) return [pool.options.max, pool.options.connectionTimeoutMillis];
	const { config } = pool as unknown as { config: { connectionConfig: { connectTimeout: number }; connectionLimit: number } };
	return [config.connectionLimit, config.connectionConfig.connectTimeout];
}

describeEngines("On top of the connector's options", {}, ({ engine, start }) => {
	it.each(ON_TOP[nameDriver(engine)])("$title win, and survive rotations", async ({ options }) => {
		const scene = await start({
			config: { connectionTimeoutMs: 30_000, poolSize: 7 },
			override: (served) => ({ ...served, ...options(served) }),
		});

		const before = readSettings(primaryPool(scene.dataSource));
		const outcomes = [await scene.exchange(), await scene.exchange()];
		const after = readSettings(primaryPool(scene.dataSource));
		await scene.dataSource.destroy();
		await scene.dataSource.initialize();
		const restarted = readSettings(primaryPool(scene.dataSource));

		expect(outcomes).toEqual(["rotated", "rotated"]);
		expect([before, after, restarted]).toEqual(Array.from({ length: 3 }, () => [SIZE, TIMEOUT_MS]));
	});
});
