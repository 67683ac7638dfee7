/** The drivers of which every claim about a pool is made, each time with the driver's own code above a server in memory. */
import { createMysqlScene } from "./mysql-scene.js";
import type { SceneMaker } from "./pool-scene.js";
import { createPostgresScene } from "./postgres-scene.js";

export const POOLS: readonly SceneMaker[] = [
	{ create: createPostgresScene, label: "pg-pool" },
	{ create: createMysqlScene, label: "mysql2" },
];
