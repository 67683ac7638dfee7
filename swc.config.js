/** How TypeScript is compiled in memory, by jest and by scripts/run-ts.cjs alike. The published build is made by rollup. */
module.exports = {
	jsc: {
		keepClassNames: true,
		parser: { decorators: true, syntax: "typescript" },
		target: "es2022",
		transform: { decoratorMetadata: false, legacyDecorator: true, useDefineForClassFields: false },
	},
	module: { type: "commonjs" },
};
