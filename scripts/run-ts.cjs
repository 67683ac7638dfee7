/**
 * Runs a TypeScript file of this repository without a build: `node scripts/run-ts.cjs examples/demo/run.ts [arguments]`.
 *
 * A require hook compiles each .ts file with the settings the tests use. Relative imports end in .js, as published code needs,
 * and are looked for as .ts; the package's own name means src/index.ts, and its other entries src/<entry>.ts, so examples read as a user
 * would write them.
 */
const { existsSync, readFileSync } = require("node:fs");
const Module = require("node:module");
const path = require("node:path");

const { transformSync } = require("@swc/core");

const swcOptions = require("../swc.config.js");

const ROOT = path.dirname(__dirname);
const PACKAGE_NAME = require("../package.json").name;

process.setSourceMapsEnabled(true);
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";

const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function resolveTypeScript(request, parent, ...rest) {
	if (request === PACKAGE_NAME) return path.join(ROOT, "src", "index.ts");
	const entry = request.startsWith(`${PACKAGE_NAME}/`) && path.join(ROOT, "src", `${request.slice(PACKAGE_NAME.length + 1)}.ts`);
	if (entry && existsSync(entry)) return entry;
	if (/^\.{1,2}\/.*\.js$/.test(request) && parent?.filename !== undefined) {
		const source = path.resolve(path.dirname(parent.filename), request.replace(/\.js$/, ".ts"));
		if (existsSync(source)) return source;
	}
	return resolveFilename.call(this, request, parent, ...rest);
};

require.extensions[".ts"] = (module, filename) => {
	const { code } = transformSync(readFileSync(filename, "utf8"), { ...swcOptions, filename, sourceMaps: "inline" });
	module._compile(code, filename);
};

const [entry, ...programArguments] = process.argv.slice(2);
if (entry === undefined) {
	console.error("Usage: node scripts/run-ts.cjs <file.ts> [arguments]");
	process.exit(2);
}
const entryPath = path.resolve(entry);
process.argv = [process.argv[0], entryPath, ...programArguments];
require("reflect-metadata");
require(entryPath);
