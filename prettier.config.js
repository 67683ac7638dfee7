/** One way to lay out text, so that no review speaks of it. */
module.exports = {
	arrowParens: "always",
	endOfLine: "lf",
	printWidth: 140,
	semi: true,
	singleQuote: false,
	tabWidth: 4,
	trailingComma: "all",
	useTabs: true,
	overrides: [{ files: ["*.json", "*.md", "*.yml", "*.yaml"], options: { tabWidth: 2, useTabs: false } }],
};
