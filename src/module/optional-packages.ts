/** The packages of Nest that an application may do without. */
import type * as nestConfig from "@nestjs/config";
import type * as nestSchedule from "@nestjs/schedule";

import { loadOptionalPackage } from "../support/optional-package.js";

type NestConfig = Pick<typeof nestConfig, "ConfigModule" | "ConfigService">;
type NestSchedule = Pick<typeof nestSchedule, "SchedulerRegistry">;

/** What is used of `@nestjs/config`; `undefined` when it is not installed. */
export function loadNestConfig(): NestConfig | undefined {
	return loadOptionalPackage("@nestjs/config") as NestConfig | undefined;
}

/** What is used of `@nestjs/schedule`; `undefined` when it is not installed. */
export function loadNestSchedule(): NestSchedule | undefined {
	return loadOptionalPackage("@nestjs/schedule") as NestSchedule | undefined;
}
