/** The connector's options from a file: JSON, or a module that exports them as `default` or as the module itself. */
import { createRequire } from "node:module";
import { extname, resolve } from "node:path";

import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { UsageError } from "./parse-arguments.js";

/** JSON is read, the others are run. */
const ENDINGS: readonly string[] = [".json", ".js", ".cjs", ".mjs", ".ts"];

const requireFile = createRequire(import.meta.url);

/**
 * Reads the file. `entities` need not be in it: nothing here looks at them.
 * @throws UsageError when it cannot be read. What it says of the content is its kind of fault only, since a password
 * may be in it.
 */
export function loadConfig(file: string | undefined): ITypeOrmAwsConnectorConfig {
	if (file === undefined) return { entities: [] };
	// Node runs a file of any other ending as JavaScript.
	if (!ENDINGS.includes(extname(file))) throw new UsageError(`--config ${file}: must be a file that ends in ${ENDINGS.join(", ")}.`);
	const exported = requireExports(file);
	const config = typeof exported === "object" && exported !== null && "default" in exported ? exported.default : exported;
	if (typeof config !== "object" || config === null || Array.isArray(config)) {
		throw new UsageError(`--config ${file}: must hold an object with the connector's options.`);
	}
	return { entities: [], ...config };
}

function requireExports(file: string): unknown {
	try {
		return requireFile(resolve(file)) as unknown;
	} catch (error) {
		const { code, name } = error as NodeJS.ErrnoException;
		throw new UsageError(`--config ${file}: cannot be loaded (${[name, code].filter(Boolean).join(", ")}).`);
	}
}
