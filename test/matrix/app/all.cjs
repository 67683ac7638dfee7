/** The application with all of the optional peers, as CJS. */
const { match } = require("node:assert/strict");

const { runApplication } = require("./run-application.cjs");

match(require.resolve("nestjs-typeorm-aws-connector"), /[/\\]dist[/\\]index\.cjs$/);
void runApplication({
	common: require("@nestjs/common"),
	config: require("@nestjs/config"),
	connector: require("nestjs-typeorm-aws-connector"),
	core: require("@nestjs/core"),
	nestTypeorm: require("@nestjs/typeorm"),
	schedule: require("@nestjs/schedule"),
	terminus: require("@nestjs/terminus"),
	terminusEntry: require("nestjs-typeorm-aws-connector/terminus"),
	secretsManager: require("@aws-sdk/client-secrets-manager"),
	typeorm: require("typeorm"),
});
