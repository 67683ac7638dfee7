/** Whether the secret exists, may be read, and holds a login. */
import type { TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { isTypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { SecretMalformedError, SecretNotFoundError } from "../errors/errors.js";
import { findAwsRemedy } from "../connector/find-aws-remedy.js";
import { selectCredentials } from "../credentials/select-credentials.js";
import { quoteForShell } from "../resolution/explain-fields.js";
import { type Examination, fail, pass, readPath, readValue, skip } from "./diagnosis.js";
import type { Session } from "./open-session.js";

/** What the file behind `--secret-string` has to look like; the value itself is nobody's business here. */
const FILE = `file://secret.json   # {"username": …, "password": …}`;

/** Reads AWSCURRENT. The other fields need not be right for it. */
export async function examineSecret(session: Session): Promise<Examination> {
	const row = session.explanation.fields.find(({ field }) => field === "secretId");
	if (row?.source === "unneeded") return skip("secret", "no secret is needed");
	const secretId = readValue(session, "secretId");
	if (typeof secretId !== "string") return skip("secret", "its id is not known");
	const provider = selectCredentials(session.config, undefined, () => undefined);
	try {
		const { username, versionId } = await provider.fetch(secretId);
		return pass(
			"secret",
			`"${secretId}" holds a login of user "${username}"${versionId === undefined ? "" : `, version ${versionId}`}`,
		);
	} catch (error) {
		if (!isTypeOrmAwsConnectorError(error)) throw error;
		return fail("secret", {
			code: error.code,
			label: error instanceof SecretMalformedError ? (error.field ?? "secret-id") : "secret-id",
			message: error.message,
			path: readPath(session, "secretId"),
			remedy: findRemedy(error, secretId, readPath(session, "secretId")),
		});
	} finally {
		provider.close();
	}
}

function findRemedy(error: TypeOrmAwsConnectorError, secretId: string, path: string | undefined): string {
	const id = quoteForShell(secretId);
	if (error instanceof SecretMalformedError) return `aws secretsmanager put-secret-value --secret-id ${id} --secret-string ${FILE}`;
	if (error instanceof SecretNotFoundError) {
		const other = path === undefined ? 'correct the option "secretId"' : `name another secret in ${path}`;
		return `aws secretsmanager create-secret --name ${id} --secret-string ${FILE}\n     or ${other}`;
	}
	return findAwsRemedy(error, "secretsmanager:GetSecretValue on this secret, and kms:Decrypt where it has a key of its own");
}
