/** Loads a source file that imports `typeorm` with another version of it than the one that every spec gets. */
import type { TypeOrmVersion } from "./typeorm-versions.js";

/**
 * The exports of a file of its own registry, in which `typeorm` is that version. Classes are other ones than those that a spec imports.
 * @param load Requires the file; called once.
 * @example
 * const { tryLogin } = loadWithTypeOrm(version, () => require("../../src/connector/choose-login.js") as typeof TryLogin);
 */
export function loadWithTypeOrm<Exports>(version: TypeOrmVersion, load: () => Exports): Exports {
	const typeorm = version.load();
	let loaded: { readonly exports: Exports } | undefined;
	jest.isolateModules(() => {
		jest.doMock("typeorm", () => typeorm);
		loaded = { exports: load() };
	});
	jest.dontMock("typeorm");
	if (loaded === undefined) throw new Error("Nothing was loaded");
	return loaded.exports;
}
