/**
 * How optional packages are loaded.
 *
 * Each `require()` stands in a `try` of its own with a literal name: bundlers then include a package that is installed,
 * and accept one that is not.
 */

/**
 * Loads once. The second `require()` of a missing package does not fail in a bundle of webpack, but gives an empty
 * object.
 */
export function loadOnce<Package>(load: () => Package | undefined): () => Package | undefined {
	let isLoaded = false;
	let loaded: Package | undefined;
	return () => {
		if (!isLoaded) loaded = load();
		isLoaded = true;
		return loaded;
	};
}

/**
 * Returns when the package is not installed.
 * @param error what its `require()` threw.
 * @throws Error naming the package when it is installed but cannot be loaded: going on without it would hide the fault.
 */
export function acceptMissingPackage(name: string, error: unknown): void {
	if (!isMissing(name, error))
		throw new Error(`The optional package "${name}" is installed but cannot be loaded. Repair or remove it.`, { cause: error });
}

/**
 * By name, because a package that lacks a dependency of its own fails with the same code. The second wording is that of
 * Yarn's Plug'n'Play.
 */
function isMissing(name: string, error: unknown): boolean {
	const { code, message = "" } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
	if (code !== "MODULE_NOT_FOUND") return false;
	return [`Cannot find module '${name}'`, `tried to access ${name},`, `tried to access ${name} `].some((text) => message.includes(text));
}
