/** Without a word about it, what is given in code decides where logins come from. */
import { chooseSource, isIam } from "../../../src/configuration/credentials-source.js";

const DSQL_HOST = "abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws";

describe("chooseSource", () => {
	it.each([
		[{}, "secrets-manager"],
		[{ password: "p", username: "u" }, "static"],
		[{ username: "u" }, "secrets-manager"],
		[{ password: "p" }, "secrets-manager"],
		[{ host: DSQL_HOST }, "dsql-iam"],
		[{ host: DSQL_HOST, username: "u" }, "dsql-iam"],
		[{ host: DSQL_HOST, secretId: "s" }, "secrets-manager"],
		[{ host: DSQL_HOST, password: "p" }, "secrets-manager"],
		[{ host: DSQL_HOST, password: "p", username: "u" }, "static"],
		[{ host: "shop.abc123.eu-west-1.rds.amazonaws.com" }, "secrets-manager"],
		[{ credentials: { source: "rds-iam" }, host: DSQL_HOST }, "rds-iam"],
		[{ credentials: { source: "secrets-manager" }, password: "p", username: "u" }, "secrets-manager"],
	] as const)("of %j is %s", (config, source) => {
		expect(chooseSource(config).source).toBe(source);
		expect(isIam(config)).toBe(source.endsWith("-iam"));
	});
});
