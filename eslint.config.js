/** Lint rules: correctness from typescript-eslint, and the project's own layout (rooms, names, time, file names) where a tool can hold it. */
const js = require("@eslint/js");
const prettier = require("eslint-config-prettier/flat");
const jestPlugin = require("eslint-plugin-jest");
const { defineConfig } = require("eslint/config");
const typescript = require("typescript-eslint");

const { ROOMS, restrictionsOf } = require("./rooms.js");

const TIME_GLOBALS = ["setTimeout", "setInterval", "clearTimeout", "clearInterval", "Date", "performance"];
const VAGUE_NAMES = ["util", "utils", "helper", "helpers", "common", "shared", "manager", "misc"].join(",");

const noDefaultExport = { selector: "ExportDefaultDeclaration", message: "Export by name: one thing has one name everywhere." };
const noDecorator = { selector: "Decorator", message: "Nest decorators appear only in *.module.ts and *.service.ts." };
const noHiddenEdge = {
	selector: "ImportExpression[source.value=/^\\./]",
	message: "Import relative files statically: a dynamic import hides an edge between rooms.",
};

/** Prefixes I, E and T mark the public contract, so a reader sees from a name whether changing it breaks users. */
const internalTypeNames = { selector: "typeLike", format: ["PascalCase"], custom: { regex: "^[EIT][A-Z][a-z]", match: false } };
const contractTypeNames = [
	{ selector: ["interface", "typeAlias"], modifiers: ["exported"], format: ["PascalCase"], custom: { regex: "^[IT][A-Z]", match: true } },
	{ selector: "enum", format: ["PascalCase"], custom: { regex: "^E[A-Z]", match: true } },
	{ selector: "enumMember", format: ["UPPER_CASE"] },
];
const valueNames = [
	{ selector: "variableLike", format: ["camelCase"], leadingUnderscore: "allow" },
	{ selector: "variable", modifiers: ["const"], format: ["camelCase", "UPPER_CASE", "PascalCase"], leadingUnderscore: "allow" },
	{
		selector: ["variable", "parameter", "classProperty"],
		types: ["boolean"],
		format: ["PascalCase"],
		prefix: ["is", "has", "should", "can", "was"],
		leadingUnderscore: "allow",
	},
];

module.exports = defineConfig(
	{ ignores: ["coverage/", "dist/", "node_modules/"] },
	js.configs.recommended,
	{
		rules: {
			"no-eval": "error",
			"no-new-func": "error",
			"no-script-url": "error",
			eqeqeq: "error",
			"object-shorthand": "error",
			"prefer-template": "error",
		},
	},
	{
		files: ["**/*.ts"],
		extends: [typescript.configs.recommendedTypeChecked],
		languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: __dirname } },
		rules: {
			"@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
			"@typescript-eslint/no-import-type-side-effects": "error",
			"@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
		},
	},
	{
		files: ["src/**/*.ts"],
		extends: [typescript.configs.strictTypeChecked],
		rules: {
			"@typescript-eslint/explicit-module-boundary-types": "error",
			"@typescript-eslint/naming-convention": ["error", internalTypeNames, ...valueNames],
			"@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
			"@typescript-eslint/no-extraneous-class": ["error", { allowWithDecorator: true }],
			"@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
			"max-lines": ["error", { max: 250, skipBlankLines: true, skipComments: true }],
			"no-console": "error",
			"no-restricted-globals": restrictTime([...TIME_GLOBALS, "setImmediate"]),
			"no-restricted-syntax": ["error", noDefaultExport, noDecorator, noHiddenEdge],
		},
	},
	...Object.keys(ROOMS).map((room) => ({
		files: [`src/${room}/**/*.ts`],
		rules: { "@typescript-eslint/no-restricted-imports": ["error", restrictionsOf(room)] },
	})),
	{
		files: ["src/**/*.module.ts", "src/**/*.service.ts"],
		rules: { "no-restricted-syntax": ["error", noDefaultExport, noHiddenEdge] },
	},
	{
		files: ["src/**/*.options.ts", "src/**/*.enum.ts", "src/**/*.enums.ts"],
		rules: { "@typescript-eslint/naming-convention": ["error", ...contractTypeNames, ...valueNames] },
	},
	{
		// Decorators are written with a capital, as those of Nest.
		files: ["src/**/*.decorators.ts"],
		rules: {
			"@typescript-eslint/naming-convention": [
				"error",
				internalTypeNames,
				...valueNames,
				{ selector: "function", modifiers: ["exported"], format: ["PascalCase"] },
			],
		},
	},
	{
		// The code of an error is part of the public contract, and belongs beside the base class.
		files: ["src/errors/connector.error.ts"],
		rules: { "@typescript-eslint/naming-convention": ["error", ...valueNames] },
	},
	{ files: ["src/support/**/*.ts"], rules: { "no-restricted-globals": restrictTime(TIME_GLOBALS) } },
	// Fields of requests and policies have the names that AWS gave them.
	{
		files: ["src/testing/*-operations.ts", "src/testing/permissions.ts"],
		rules: { "@typescript-eslint/naming-convention": ["error", internalTypeNames] },
	},
	// The name of an optional package is a literal of require(), for bundlers.
	{ files: ["src/**/optional-packages.ts"], rules: { "@typescript-eslint/no-require-imports": "off" } },
	{ files: ["src/support/clock.ts"], rules: { "no-restricted-globals": "off" } },
	{
		files: ["test/**/*.ts", "bench/**/*.ts", "examples/**/*.ts", "scripts/**/*.ts"],
		rules: {
			"@typescript-eslint/no-explicit-any": "off",
			"@typescript-eslint/no-require-imports": "off",
			"@typescript-eslint/no-unsafe-argument": "off",
			"@typescript-eslint/no-unsafe-assignment": "off",
			"@typescript-eslint/no-unsafe-call": "off",
			"@typescript-eslint/no-unsafe-member-access": "off",
			"@typescript-eslint/no-unsafe-return": "off",
			"@typescript-eslint/require-await": "off",
			"@typescript-eslint/unbound-method": "off",
		},
	},
	{ files: ["test/**/*.ts"], extends: [jestPlugin.configs["flat/recommended"]] },
	{
		files: ["**/*.{js,cjs,mjs}"],
		extends: [typescript.configs.disableTypeChecked],
		languageOptions: {
			globals: { clearTimeout: "readonly", console: "readonly", process: "readonly", setTimeout: "readonly", URL: "readonly" },
		},
	},
	{
		files: ["**/*.{js,cjs}"],
		languageOptions: { globals: { __dirname: "readonly", module: "writable", require: "readonly" }, sourceType: "commonjs" },
	},
	{
		files: [`**/{${VAGUE_NAMES}}.*`, `**/{${VAGUE_NAMES}}/**`, `**/*-{${VAGUE_NAMES}}.{ts,js,cjs,mjs}`, "src/*/**/index.ts"],
		rules: {
			"no-restricted-syntax": [
				"error",
				{ selector: "Program", message: "Name the file after what it holds; index.ts exists only at the top of src." },
			],
		},
	},
	prettier,
);

function restrictTime(names) {
	const message = "Time is read and waited for through support/clock.ts.";
	return ["error", { checkGlobalObject: true, globals: names.map((name) => ({ name, message })) }];
}
