/** The package whose health checks an application may do without. */
import type * as nestTerminus from "@nestjs/terminus";

import { acceptMissingPackage, loadOnce } from "../support/missing-package.js";

/** `@nestjs/terminus`; `undefined` when it is not installed. */
export const loadTerminus = loadOnce((): typeof nestTerminus | undefined => {
	try {
		return require("@nestjs/terminus") as typeof nestTerminus;
	} catch (error) {
		acceptMissingPackage("@nestjs/terminus", error);
		return undefined;
	}
});
