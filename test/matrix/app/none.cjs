/** The application with none of the optional peers, as CJS. */
const { match, throws } = require("node:assert/strict");

const { runApplication } = require("./run-application.cjs");

match(require.resolve("nestjs-typeorm-aws-connector"), /[/\\]dist[/\\]index\.cjs$/);
for (const peer of ["config", "schedule", "typeorm"]) throws(() => require.resolve(`@nestjs/${peer}`));
void runApplication({
	common: require("@nestjs/common"),
	connector: require("nestjs-typeorm-aws-connector"),
	core: require("@nestjs/core"),
	secretsManager: require("@aws-sdk/client-secrets-manager"),
	typeorm: require("typeorm"),
});
