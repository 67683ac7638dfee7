/** The packages of Nest that an application may do without. */
import type * as nestConfig from "@nestjs/config";
import type * as nestSchedule from "@nestjs/schedule";

import { acceptMissingPackage, loadOnce } from "../support/missing-package.js";

type NestConfig = Pick<typeof nestConfig, "ConfigModule" | "ConfigService">;
type NestSchedule = Pick<typeof nestSchedule, "SchedulerRegistry">;

/** What is used of `@nestjs/config`; `undefined` when it is not installed. */
export const loadNestConfig = loadOnce((): NestConfig | undefined => {
	try {
		return require("@nestjs/config") as NestConfig;
	} catch (error) {
		acceptMissingPackage("@nestjs/config", error);
		return undefined;
	}
});

/** What is used of `@nestjs/schedule`; `undefined` when it is not installed. */
export const loadNestSchedule = loadOnce((): NestSchedule | undefined => {
	try {
		return require("@nestjs/schedule") as NestSchedule;
	} catch (error) {
		acceptMissingPackage("@nestjs/schedule", error);
		return undefined;
	}
});
