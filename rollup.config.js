/**
 * Builds dist/: the entries and the command line as CommonJS, with source maps and declarations, and a thin ESM file for each entry.
 *
 * The ESM file re-exports the CommonJS one, and entries share chunks. An application then has each class once, however its parts load the package:
 * a class is a token of Nest, and `instanceof` tells errors apart.
 */
const { rmSync } = require("node:fs");

const typescript = require("@rollup/plugin-typescript");
const { dts } = require("rollup-plugin-dts");

/** By the name under which users import them; `index` is the package itself. */
const ENTRIES = {
	"data-source": "src/data-source.ts",
	index: "src/index.ts",
	secrets: "src/secrets.ts",
	telemetry: "src/telemetry.ts",
	terminus: "src/terminus.ts",
	testing: "src/testing.ts",
	tokens: "src/tokens.ts",
};
const COMMAND_LINE = "cli";

/** Every bare import is a dependency, a peer or part of Node, but for the compiler's helpers, which are bundled. */
const isExternal = (id) => id !== "tslib" && !/^(?:[./]|[A-Za-z]:\\)/.test(id);

const cleanDist = { name: "clean-dist", buildStart: () => rmSync("dist", { force: true, recursive: true }) };

/**
 * CommonJS knows its own file as __filename. An ES module bundle made of this build has no __filename, so packages are looked up
 * from the working directory there. Rollup's general replacement also carries code for browsers.
 */
const OWN_URL = `require("node:url").pathToFileURL(typeof __filename === "undefined" ? process.cwd() + "/" : __filename).href`;
const commonJsMeta = {
	name: "commonjs-meta",
	resolveImportMeta: (property, { format }) => (format === "cjs" && property === "url" ? OWN_URL : null),
};

/** Writes `name.mjs` beside each `name.cjs`. Names are listed, since Node does not find all of them behind an `export *` of CommonJS. */
const esmReexports = {
	name: "esm-reexports",
	generateBundle(_options, bundle) {
		for (const { exports, isEntry, name, type } of Object.values(bundle)) {
			if (type !== "chunk" || !isEntry || name === COMMAND_LINE) continue;
			this.emitFile({ fileName: `${name}.mjs`, source: `export { ${exports.join(", ")} } from "./${name}.cjs";\n`, type: "asset" });
		}
	},
};

/** The same for declarations, so that types are the same, too. */
const esmDeclarations = {
	name: "esm-declarations",
	generateBundle(_options, bundle) {
		for (const { isEntry, name } of Object.values(bundle)) {
			if (isEntry) this.emitFile({ fileName: `${name}.d.mts`, source: `export * from "./${name}.cjs";\n`, type: "asset" });
		}
	},
};

module.exports = [
	{
		input: { ...ENTRIES, [COMMAND_LINE]: "src/cli/main.ts" },
		external: isExternal,
		plugins: [cleanDist, commonJsMeta, typescript({ noEmitOnError: true, tsconfig: "tsconfig.build.json" }), esmReexports],
		output: {
			banner: ({ name }) => (name === COMMAND_LINE ? "#!/usr/bin/env node" : ""),
			chunkFileNames: "chunks/[name].cjs",
			dir: "dist",
			// A kept `import()` would break jest in CommonJS projects, so it becomes a require.
			dynamicImportInCjs: false,
			entryFileNames: "[name].cjs",
			exports: "named",
			format: "cjs",
			sourcemap: true,
		},
	},
	{
		input: ENTRIES,
		external: isExternal,
		plugins: [dts({ tsconfig: "tsconfig.build.json" }), esmDeclarations],
		output: { chunkFileNames: "chunks/[name].d.cts", dir: "dist", entryFileNames: "[name].d.cts", format: "es" },
	},
];
