/** Puts a typed consumer of the package into a project that has it installed: once as an ESM file and once as a CJS file. */
const { copyFileSync, writeFileSync } = require("node:fs");
const path = require("node:path");

const SOURCE = path.join(__dirname, "..", "test", "matrix", "types", "consumer.ts");
const FILES = ["consumer.mts", "consumer.cts"];

/**
 * @param {string} folder The project.
 * @returns {string[]} What Node is to be started with to compile it. Declarations of every package are checked too, ours above all.
 */
function writeTypeConsumer(folder) {
	const compilerOptions = {
		experimentalDecorators: true,
		module: "nodenext",
		noEmit: true,
		skipLibCheck: false,
		strict: true,
		target: "es2022",
		types: ["node"],
	};
	for (const file of FILES) copyFileSync(SOURCE, path.join(folder, file));
	writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: FILES }));
	return [require.resolve("typescript/bin/tsc"), "--project", folder];
}

module.exports = { writeTypeConsumer };
