/** Whether each secret exists, may be read, and holds a login. */
import type { TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { isTypeOrmAwsConnectorError, readFault } from "../errors/connector.error.js";
import { SecretMalformedError, SecretNotFoundError } from "../errors/errors.js";
import { readRegion } from "../connector/sources.js";
import type { CredentialsProvider } from "../credentials/credentials-provider.js";
import { createSecretReader, selectCredentials, selectReplicaCredentials } from "../credentials/select-credentials.js";
import { quoteForShell } from "../aws/aws-command.js";
import { type Examination, fail, listPrefixes, pass, readPath, readValue, skip } from "./diagnosis.js";
import type { Session } from "./open-session.js";

/** What the file behind `--secret-string` has to look like; the value itself is not looked at. */
const FILE = `file://secret.json   # {"username": …, "password": …}`;

/**
 * Reads AWSCURRENT of the connector's secret, then of each replica's that has one of its own. The other fields need not
 * be right for it.
 */
export async function examineSecrets(session: Session): Promise<Examination[]> {
	const { config, configService } = session;
	const findRegion = (): string | undefined => readRegion(configService);
	const [, ...replicas] = listPrefixes(session);
	const ignore = (): void => undefined;
	const reader = createSecretReader(config, findRegion);
	const providers = selectReplicaCredentials(config, findRegion, ignore, reader);
	try {
		return await Promise.all([
			isSecretNeeded(session, "")
				? examine(session, "", selectCredentials(config, findRegion, ignore, reader))
				: skip("secret", "no secret is needed"),
			...replicas.flatMap((prefix, index) => {
				const provider = isSecretNeeded(session, prefix) ? providers[index] : undefined;
				return provider === undefined ? [] : examine(session, prefix, provider);
			}),
		]);
	} finally {
		reader.close();
	}
}

/** A replica that names the connector's secret is logged in to as the master is. */
function isSecretNeeded({ explanation: { fields } }: Session, prefix: string): boolean {
	const row = fields.find(({ field }) => field === `${prefix}secretId`);
	if (row === undefined || row.source === "not-required") return false;
	const isShared = fields.some(({ field, value }) => field === "secretId" && value !== undefined && value === row.value);
	return prefix === "" || !isShared;
}

async function examine(session: Session, prefix: string, provider: CredentialsProvider): Promise<Examination> {
	const name = `${prefix}secret`;
	const secretId = readValue(session, "secretId", prefix);
	if (typeof secretId !== "string") return skip(name, "its id is not known");
	try {
		const { username, versionId } = await provider.fetch(secretId, undefined, session.logins.get(prefix));
		return pass(name, `"${secretId}" holds a login of user "${username}"${versionId === undefined ? "" : `, version ${versionId}`}`);
	} catch (error) {
		if (!isTypeOrmAwsConnectorError(error)) throw error;
		const path = readPath(session, "secretId", prefix);
		return fail(name, {
			code: error.code,
			label: `${prefix}${error instanceof SecretMalformedError ? (error.field ?? "secret-id") : "secret-id"}`,
			message: readFault(error),
			path,
			remedy: findRemedy(error, secretId, path, `${prefix}secretId`),
		});
	}
}

function findRemedy(error: TypeOrmAwsConnectorError, secretId: string, path: string | undefined, option: string): string {
	const id = quoteForShell(secretId);
	if (error instanceof SecretMalformedError) return `aws secretsmanager put-secret-value --secret-id ${id} --secret-string ${FILE}`;
	if (error instanceof SecretNotFoundError) {
		const other = path === undefined ? `correct the option "${option}"` : `name another secret in ${path}`;
		return `aws secretsmanager create-secret --name ${id} --secret-string ${FILE}\n     or ${other}`;
	}
	return error.remedy ?? "Look at the network, the region and the endpoint, then try again.";
}
