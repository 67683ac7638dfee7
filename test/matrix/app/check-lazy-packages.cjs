/** What the package loads when it is needed is there, in a bundle as well: the certificate authorities of RDS, and the optional packages of the AWS SDK. */
const { equal, match, ok, throws } = require("node:assert/strict");

const HOST = "shop.abc123.eu-west-1.rds.amazonaws.com";
const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "secret" };

exports.checkLazyPackages = async function checkLazyPackages({ connector }, { hasOptionalPeers }) {
	const config = { databaseName: "shop", entities: [], host: HOST, port: 5432, type: "postgres" };
	const service = new connector.TypeOrmAwsConnectorService(undefined, undefined, { ...config, password: "one", username: "app" });
	const { ssl } = await service.getTypeOrmOptions();
	equal(ssl.rejectUnauthorized, true);
	ok(ssl.secureContext, "the options have no authorities");

	const create = () => connector.createRdsTokenProvider({ credentials, host: HOST, username: "app" });
	if (hasOptionalPeers) match(await create()(), /^shop\.abc123\.eu-west-1\.rds\.amazonaws\.com:5432\/\?Action=connect/);
	else throws(create, /npm install @aws-sdk\/rds-signer/);
};
