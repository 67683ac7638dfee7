/** The names in a remedy come from parameters and secrets, and an administrator pastes the statement. */

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { explainLoginFailure } from "../../../src/connector/explain-login-failure.js";

const USER = 'shop"; DROP TABLE orders; --';
const QUOTED = '"shop""; DROP TABLE orders; --"';

it.each([
	["a password of a user with rds_iam", {}, "PAM authentication failed for user", "secret", `REVOKE rds_iam FROM ${QUOTED};`],
	["a token of RDS", { credentials: { source: "rds-iam" } }, "no", "token", `GRANT rds_iam TO ${QUOTED};`],
	["a token of Aurora DSQL", { credentials: { source: "dsql-iam" } }, "no", "token", `AWS IAM GRANT ${QUOTED} TO`],
])("a user name with a quotation mark stays one name in the statement after the refusal of %s", (_, config, text, source, statement) => {
	const error = Object.assign(new Error(text), { code: "28000" });
	const { problem } = explainLoginFailure(error, {
		config: { entities: [], ...config } as unknown as ITypeOrmAwsConnectorConfig,
		fields: [{ field: "password", label: "password", source } as never],
		options: { database: "shop", host: "db.local", type: "postgres", username: USER },
		secretId: undefined,
	});

	expect(problem.remedy).toContain(statement);
});
