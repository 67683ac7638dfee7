/** Builds dist/: one ESM and one CJS bundle with source maps, the declarations of each, and the command line. */
const { rmSync } = require("node:fs");

const typescript = require("@rollup/plugin-typescript");
const { dts } = require("rollup-plugin-dts");

const INPUT = "src/index.ts";
const COMMAND_LINE = "src/cli/main.ts";

/** Every bare import is a dependency, a peer or part of Node, but for the compiler's helpers, which are bundled. */
const isExternal = (id) => id !== "tslib" && !/^(?:[./]|[A-Za-z]:\\)/.test(id);

const cleanDist = { name: "clean-dist", buildStart: () => rmSync("dist", { force: true, recursive: true }) };

/** CJS knows its own file as __filename; rollup's general replacement also carries code for browsers. */
const commonJsMeta = {
	name: "commonjs-meta",
	resolveImportMeta: (property, { format }) =>
		format === "cjs" && property === "url" ? `require("node:url").pathToFileURL(__filename).href` : null,
};

module.exports = [
	{
		input: INPUT,
		external: isExternal,
		plugins: [cleanDist, commonJsMeta, typescript({ noEmitOnError: true, tsconfig: "tsconfig.build.json" })],
		output: [
			{ file: "dist/index.mjs", format: "es", sourcemap: true },
			// A kept `import()` would break jest in CommonJS projects, so it becomes a require.
			{ dynamicImportInCjs: false, exports: "named", file: "dist/index.cjs", format: "cjs", sourcemap: true },
		],
	},
	{
		input: COMMAND_LINE,
		external: isExternal,
		plugins: [commonJsMeta, typescript({ noEmitOnError: true, tsconfig: "tsconfig.build.json" })],
		output: [{ banner: "#!/usr/bin/env node", file: "dist/cli.cjs", format: "cjs", sourcemap: true }],
	},
	{
		input: INPUT,
		external: isExternal,
		plugins: [dts({ tsconfig: "tsconfig.build.json" })],
		output: [{ file: "dist/index.d.mts" }, { file: "dist/index.d.cts" }],
	},
];
