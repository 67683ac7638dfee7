/** A live pool of node-postgres. */
import { describePool } from "./pool-contract.js";
import { createPostgresScene } from "./postgres-scene.js";

describePool({ create: createPostgresScene, label: "pg-pool" });
