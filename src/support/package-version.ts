/** Versions of packages as they are installed. Inside of a bundle there are none. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const requirePackage = createRequire(import.meta.url);

/** The version of a package; `undefined` when it is not installed here. Its `exports` need not list its manifest. */
export function readPackageVersion(name: string): string | undefined {
	let folder: string;
	try {
		folder = dirname(requirePackage.resolve(name));
	} catch {
		return undefined;
	}
	for (let parent = dirname(folder); ; [folder, parent] = [parent, dirname(parent)]) {
		const manifest = readManifest(folder);
		if (manifest?.name === name) return typeof manifest.version === "string" ? manifest.version : undefined;
		if (parent === folder) return undefined;
	}
}

function readManifest(folder: string): { readonly name?: unknown; readonly version?: unknown } | undefined {
	try {
		return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as object;
	} catch {
		return undefined;
	}
}
