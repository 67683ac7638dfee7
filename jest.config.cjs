/** Shared by every kind of test; npm scripts choose by path. */
module.exports = {
	testEnvironment: "node",
	testMatch: ["<rootDir>/test/**/*.spec.ts"],
	moduleNameMapper: {
		"^(\\.{1,2}/.*)\\.js$": "$1",
		"^nestjs-typeorm-aws-connector$": "<rootDir>/src/index.ts",
		"^nestjs-typeorm-aws-connector/(.*)$": "<rootDir>/src/$1.ts",
	},
	// Copies of the project that npm run mutate may leave behind.
	modulePathIgnorePatterns: ["<rootDir>/.cache/"],
	transform: { "^.+\\.ts$": ["@swc/jest", require("./swc.config.js")] },
	setupFiles: ["<rootDir>/test/support/jest-setup.ts"],
	setupFilesAfterEnv: ["<rootDir>/test/support/jest-hooks.ts"],
	clearMocks: true,
	restoreMocks: true,
	// Specs that wait for servers leave time for one more on two cores.
	maxWorkers: 3,
	// One limit for every test and hook: it ends what hangs. Compiling and starting servers take minutes on a busy machine.
	testTimeout: 300_000,
};
