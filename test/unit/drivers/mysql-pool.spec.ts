/** A live pool of mysql2. */
import { createMysqlScene } from "./mysql-scene.js";
import { describePool } from "./pool-contract.js";

describePool({ create: createMysqlScene, label: "mysql2" });
