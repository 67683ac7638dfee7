/** The application with none of the optional peers, for a bundler. */
const { checkLazyPackages } = require("./check-lazy-packages.cjs");
const { runApplication } = require("./run-application.cjs");

const packages = {
	common: require("@nestjs/common"),
	connector: require("nestjs-typeorm-aws-connector"),
	core: require("@nestjs/core"),
	// TypeORM from 1.1 on finds its driver by a name that a bundler does not see.
	options: { type: "postgres", typeOrmOptions: { driver: require("pg") } },
	secretsManager: require("@aws-sdk/client-secrets-manager"),
	typeorm: require("typeorm"),
};

void checkLazyPackages(packages, { hasOptionalPeers: false }).then(() => runApplication(packages));
