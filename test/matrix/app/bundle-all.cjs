/** The application with all of the optional peers, for a bundler. */
const { checkLazyPackages } = require("./check-lazy-packages.cjs");
const { runApplication } = require("./run-application.cjs");

const packages = {
	common: require("@nestjs/common"),
	config: require("@nestjs/config"),
	connector: require("nestjs-typeorm-aws-connector"),
	core: require("@nestjs/core"),
	nestTypeorm: require("@nestjs/typeorm"),
	schedule: require("@nestjs/schedule"),
	// TypeORM from 1.1 on finds its driver by a name that a bundler does not see.
	options: { type: "postgres", typeOrmOptions: { driver: require("pg") } },
	secretsManager: require("@aws-sdk/client-secrets-manager"),
	typeorm: require("typeorm"),
};

void checkLazyPackages(packages, { hasOptionalPeers: true }).then(() => runApplication(packages));
