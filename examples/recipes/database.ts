import type { ICreateDataSourceOptions } from "nestjs-typeorm-aws-connector/data-source";

import { CreateNote1700000000000 } from "./create-note.migration.js";
import { Note } from "./note.entity.js";

/** The same for the CLI, scripts, workers and functions. */
export const database = {
	parameters: {
		application: "shop",
		environment: process.env["ENVIRONMENT"] ?? "production",
		namespace: "aws-ecs-fargate",
		instanceName: "shop-api",
		shouldDecryptParameters: true,
	},
	connector: {
		entities: [Note],
		rotation: { isEnabled: true },
		typeOrmOptions: { migrations: [CreateNote1700000000000] },
	},
} satisfies ICreateDataSourceOptions;
