/** The packages of Nest are those that the application imports itself. */
import { ConfigModule, ConfigService } from "@nestjs/config";
import { SchedulerRegistry } from "@nestjs/schedule";

import { loadNestConfig, loadNestSchedule } from "../../../src/module/optional-packages.js";

it("finds the classes that the application imports", () => {
	expect(loadNestConfig()).toMatchObject({ ConfigModule, ConfigService });
	expect(loadNestSchedule()).toMatchObject({ SchedulerRegistry });
});
