/** Claims about rotation that hold on every engine: a spec says them once, and they are run for each engine and TypeORM. */
import { describeWith } from "./describe-with.js";
import { type Scene, type SceneOptions, type SceneServers, startScene, startSceneServers } from "./rotating-database.js";
import type { DatabaseServer, DatabaseServerOptions, EngineName } from "./server/database-server.js";
import { DIALECTS, type SqlDialect } from "./sql-dialects.js";
import { TYPEORM_VERSIONS, type TypeOrmVersion } from "./typeorm-versions.js";

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
	/** Default: PostgreSQL and MariaDB. */
	readonly engines?: readonly EngineName[];
	readonly hasReplica?: boolean;
	/** Default: all. */
	readonly versions?: readonly TypeOrmVersion[];
}

const TITLES: Readonly<Record<EngineName, string>> = { mariadb: "MariaDB", mysql: "MySQL", postgres: "PostgreSQL" };
const ENGINES: readonly EngineName[] = ["postgres", "mariadb"];

/** With MySQL, which takes long to start. */
export const ALL_ENGINES: readonly EngineName[] = [...ENGINES, "mysql"];

/**
 * Describes the same on each engine, whose servers are shared by all of it.
 * @example
 * describeEngines("A pool", {}, ({ start }) => {
 * 	it("serves", async () => { const scene = await start(); … });
 * });
 */
export function describeEngines(
	title: string,
	{ engines = ENGINES, versions = TYPEORM_VERSIONS, ...options }: EngineOptions,
	define: (engineCase: EngineCase) => void,
): void {
	const { each } = describe;
	for (const engine of engines) {
		const describeEngine: jest.Describe = engine === "postgres" ? describe : describeWith(engine);
		describeEngine(`${title} on ${TITLES[engine]}`, () => {
			let servers: SceneServers<DatabaseServer>;

			beforeAll(async () => {
				servers = await startSceneServers({ ...options, engine });
			});

			afterAll(async () => servers.stop());

			each(versions)("with TypeORM $label", (version) => {
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
