/** The servers of the benches: one set per engine, started when a bench first asks for it. */
import { type SceneServers, startSceneServers } from "../test/support/rotating-database.js";
import type { DatabaseServer, EngineName } from "../test/support/server/database-server.js";
import { ServerUnavailableError } from "../test/support/server/debian-packages.js";
import { TYPEORM_VERSIONS, type TypeOrmVersion } from "../test/support/typeorm-versions.js";

/** The engines that are measured. */
export const ENGINES = ["postgres", "mariadb"] as const satisfies readonly EngineName[];

/** Names of the engines in tables. */
export const ENGINE_TITLES: Readonly<Record<EngineName, string>> = { mariadb: "MariaDB", mysql: "MySQL", postgres: "PostgreSQL" };

/** The latest of both major lines. */
export const VERSIONS: readonly TypeOrmVersion[] = TYPEORM_VERSIONS.filter(({ label }) => label !== "0.3.20");

/** Servers by engine. */
export class EngineServers {
	private readonly started = new Map<EngineName, Promise<SceneServers<DatabaseServer>>>();

	/** @param engines Those that `forEach` visits. */
	constructor(private readonly engines: readonly EngineName[] = ENGINES) {}

	/** The servers of an engine. Throws `ServerUnavailableError` where they cannot be had. */
	async get(engine: EngineName): Promise<SceneServers<DatabaseServer>> {
		const servers = this.started.get(engine) ?? startSceneServers({ engine });
		this.started.set(engine, servers);
		return servers;
	}

	/** Calls `run` for every engine; prints the reason where an engine cannot be had. */
	async forEach<Value>(run: (servers: SceneServers<DatabaseServer>) => Promise<readonly Value[]>): Promise<Value[]> {
		const values: Value[] = [];
		for (const engine of this.engines) {
			try {
				values.push(...(await run(await this.get(engine))));
			} catch (error) {
				if (!(error instanceof ServerUnavailableError)) throw error;
				console.warn(`${ENGINE_TITLES[engine]} was not measured. ${error.message}`);
			}
		}
		return values;
	}

	async stop(): Promise<void> {
		const settled = await Promise.allSettled(this.started.values());
		await Promise.all(settled.map(async (result) => (result.status === "fulfilled" ? result.value.stop() : undefined)));
	}
}
