/** THE place that loads packages an application may do without. */
import { createRequire } from "node:module";

const requirePackage = createRequire(import.meta.url);

/**
 * Loads a package synchronously, since modules are declared synchronously; a static import would break the applications that lack it.
 * `undefined` when it is not installed.
 * @throws Error naming the package when it is installed but cannot be loaded: going on without it would hide the fault.
 */
export function loadOptionalPackage(name: string): unknown {
	try {
		return isInstalled(name) ? requirePackage(name) : undefined;
	} catch (error) {
		throw new Error(`The optional package "${name}" is installed but cannot be loaded. Repair or remove it.`, { cause: error });
	}
}

/** Asked before loading, because a package that lacks a dependency of its own fails with the same code. */
function isInstalled(name: string): boolean {
	try {
		requirePackage.resolve(name);
		return true;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND") return false;
		throw error;
	}
}
