/**
 * Makes one file of a consumer's application: `node bundlers.cjs <bundler> <entry> <output>`, started in the consumer's folder.
 *
 * Packages that are not installed stay `require()` calls, as users configure it for the optional packages of Nest and TypeORM.
 */
const path = require("node:path");

const esbuild = require("esbuild");
const webpack = require("webpack");

const REQUIRE_IN_ESM = `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`;

const BUNDLERS = {
	esbuild: (entry, output) => runEsbuild(entry, output, { format: "cjs" }),
	"esbuild-esm": (entry, output) => runEsbuild(entry, output, { banner: { js: REQUIRE_IN_ESM }, format: "esm" }),
	webpack: runWebpack,
};

const [bundler, entry, output] = process.argv.slice(2);
BUNDLERS[bundler](path.resolve(entry), path.resolve(output)).catch((error) => {
	console.error(error);
	process.exitCode = 1;
});

async function runEsbuild(entry, output, options) {
	await esbuild.build({
		...options,
		bundle: true,
		entryPoints: [entry],
		// Nest and TypeORM show names of classes.
		keepNames: true,
		logLevel: "error",
		minify: true,
		outfile: output,
		platform: "node",
		plugins: [{ name: "external-where-missing", setup: leaveMissing }],
		target: "node20",
	});
}

function leaveMissing(build) {
	build.onResolve({ filter: /^[^./]/ }, async ({ importer, kind, path: name, pluginData, resolveDir }) => {
		if (pluginData === "resolving" || kind === "entry-point") return undefined;
		const { errors } = await build.resolve(name, { importer, kind, pluginData: "resolving", resolveDir });
		return errors.length > 0 ? { external: true, path: name } : undefined;
	});
}

function runWebpack(entry, output) {
	const compiler = webpack({
		entry,
		externals: [
			({ context, getResolve, request }, callback) => {
				if (/^[./]/.test(request) || path.isAbsolute(request)) return callback();
				getResolve()(context, request).then(
					() => callback(),
					() => callback(null, `commonjs ${request}`),
				);
			},
		],
		externalsPresets: { node: true },
		mode: "production",
		// Without it the second require() of a missing package gives an empty object, and TypeORM takes that for the package pg-native.
		output: { filename: path.basename(output), path: path.dirname(output), strictModuleErrorHandling: true },
		target: "node20",
	});
	return new Promise((resolve, reject) => {
		compiler.run((error, stats) => {
			const errors = error ?? stats.toJson({ all: false, errors: true }).errors;
			compiler.close(() => (error || errors.length > 0 ? reject(error ?? new Error(JSON.stringify(errors, null, 2))) : resolve()));
		});
	});
}
