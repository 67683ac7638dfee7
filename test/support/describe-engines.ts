/** Claims about rotation that hold on every engine: a spec says them once, and they run on each engine. */
import { describeWith } from "./describe-with.js";
import {
	type Scene,
	type SceneOptions,
	type SceneServers,
	type SceneServersOptions,
	startScene,
	startSceneServers,
} from "./rotating-database.js";
import type { DatabaseServer, DatabaseServerOptions, EngineName } from "./server/database-server.js";
import { DIALECTS, type SqlDialect } from "./sql-dialects.js";
import { IS_EVERY_CELL_RUN, type TypeOrmVersion, typeOrmVersionsFor } from "./typeorm-versions.js";

/** One engine and one TypeORM. */
export interface EngineCase {
	readonly dialect: SqlDialect;
	readonly engine: EngineName;
	/** The servers, from `beforeAll` on. */
	getServers(): SceneServers<DatabaseServer>;
	/** Makes a database of its own and a DataSource that rotates. */
	start(options?: Omit<SceneOptions, "version">): Promise<Scene<DatabaseServer>>;
	readonly version: TypeOrmVersion;
}

/** What differs from claim to claim. */
export interface EngineOptions extends DatabaseServerOptions {
	/** Default: PostgreSQL and MariaDB. MySQL runs with `ENGINES=all` only: its start takes long. */
	readonly engines?: readonly EngineName[];
	readonly hasReplica?: boolean;
	/** Default: those of `typeOrmVersionsFor(engine)`. */
	readonly versions?: readonly TypeOrmVersion[];
}

const TITLES: Readonly<Record<EngineName, string>> = { mariadb: "MariaDB", mysql: "MySQL", postgres: "PostgreSQL" };
const ENGINES: readonly EngineName[] = ["postgres", "mariadb"];

/** With MySQL. */
export const ALL_ENGINES: readonly EngineName[] = [...ENGINES, "mysql"];

/**
 * Describes the same on each engine: with one TypeORM for each, and with all of them where `ENGINES=all`. Servers that are started alike
 * serve the whole file.
 * @example
 * describeEngines("A pool", {}, ({ start }) => {
 * 	it("serves", async () => { const scene = await start(); … });
 * });
 */
export function describeEngines(
	title: string,
	{ engines = ENGINES, versions, ...options }: EngineOptions,
	define: (engineCase: EngineCase) => void,
): void {
	const { each } = describe;
	for (const engine of engines.filter((name) => IS_EVERY_CELL_RUN || name !== "mysql")) {
		const describeEngine: jest.Describe = engine === "postgres" ? describe : describeWith(engine);
		describeEngine(`${title} on ${TITLES[engine]}`, () => {
			let servers: SceneServers<DatabaseServer>;

			beforeAll(async () => {
				servers = await shareServers({ ...options, engine });
			});

			each(versions ?? typeOrmVersionsFor(engine))("with TypeORM $label", (version) => {
				define({
					dialect: DIALECTS[engine],
					engine,
					getServers: () => servers,
					start: async (sceneOptions) => startScene(servers, { ...sceneOptions, version }),
					version,
				});
			});
		});
	}
}

const startedServers = new Map<string, Promise<SceneServers<DatabaseServer>>>();

/** Starts servers, or finds those that were started with the same options. They end with the file. */
async function shareServers(options: SceneServersOptions<EngineName>): Promise<SceneServers<DatabaseServer>> {
	const key = JSON.stringify(options);
	const servers = startedServers.get(key) ?? startSceneServers(options);
	startedServers.set(key, servers);
	return servers;
}
