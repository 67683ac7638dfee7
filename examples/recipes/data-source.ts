import { createDataSource } from "nestjs-typeorm-aws-connector/data-source";

import { database } from "./database.js";

// The CLI of TypeORM initializes it. A promise will do, and so will a default export.
export default createDataSource({ ...database, shouldInitialize: false });
