/** Puts a typed consumer of the package into a project that has it installed: once as an ESM file and once as a CJS file. */
const { copyFileSync, writeFileSync } = require("node:fs");
const path = require("node:path");

const SOURCE = path.join(__dirname, "..", "test", "matrix", "types", "consumer.ts");

/** By the kind of resolution: what a project has in its tsconfig.json. The first is what a check without a choice takes. */
const SETTINGS = {
	nodenext: { files: ["consumer.mts", "consumer.cts"], options: { module: "nodenext" } },
	bundler: { files: ["consumer.ts"], options: { module: "esnext", moduleResolution: "bundler" } },
	node10: { files: ["consumer.ts"], options: { esModuleInterop: true, module: "commonjs", moduleResolution: "node10" } },
};

/**
 * @param {string} folder The project.
 * @param {keyof typeof SETTINGS} resolution How packages are found.
 * @returns {string[]} What Node is to be started with to compile it. Declarations of every package are checked too, ours above all.
 */
function writeTypeConsumer(folder, resolution = "nodenext") {
	const { files, options } = SETTINGS[resolution];
	const compilerOptions = {
		experimentalDecorators: true,
		noEmit: true,
		skipLibCheck: false,
		strict: true,
		target: "es2022",
		types: ["node"],
		...options,
	};
	for (const file of files) copyFileSync(SOURCE, path.join(folder, file));
	writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
	return [require.resolve("typescript/bin/tsc"), "--project", folder];
}

const RESOLUTIONS = Object.keys(SETTINGS);

// A shorthand each: an ES module finds the names of a CommonJS module only by them.
module.exports = { RESOLUTIONS, writeTypeConsumer };
