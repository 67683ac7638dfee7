/** The package without which nothing is measured. */
import type * as opentelemetry from "@opentelemetry/api";

import { acceptMissingPackage, loadOnce } from "../support/missing-package.js";

/** `@opentelemetry/api`; `undefined` when it is not installed. */
export const loadOpenTelemetry = loadOnce((): typeof opentelemetry | undefined => {
	try {
		return require("@opentelemetry/api") as typeof opentelemetry;
	} catch (error) {
		acceptMissingPackage("@opentelemetry/api", error);
		return undefined;
	}
});
