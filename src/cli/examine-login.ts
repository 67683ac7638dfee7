/** One login to each server as the application would make it, and `SELECT 1`. */
import { DataSource, type DataSourceOptions } from "typeorm";

import { isTargetInSecret } from "../configuration/secret-target.js";
import { explainLoginFailure, readDatabase, readUser } from "../connector/explain-login-failure.js";
import { TypeOrmAwsConnectorService } from "../connector/typeorm-aws-connector.service.js";
import { isTypeOrmAwsConnectorError, readFault } from "../errors/connector.error.js";
import { ConnectorTimeoutError } from "../errors/errors.js";
import { withDeadline } from "../support/with-deadline.js";
import { type Examination, fail, type FoundProblem, listPrefixes, pass, readValue, skip } from "./diagnosis.js";
import { examineExposure, listServers } from "./exposed-hosts.js";
import type { Session } from "./open-session.js";

/** A person at a terminal does not wait longer than this. */
const DEADLINE_MS = 15_000;

/** The master, then each replica. Needs settings without a problem and secrets that can be read. */
export async function examineLogins(session: Session): Promise<Examination[]> {
	const exposures = isTargetInSecret(session.config) ? await examineExposure(session) : [];
	if (exposures.length > 0) return exposures;
	const connector = new TypeOrmAwsConnectorService(session.configService, session.survey, session.config);
	try {
		const servers = listServers(await connector.getTypeOrmOptions());
		return await Promise.all(listPrefixes(session).map(async (prefix, index) => examine(session, prefix, servers[index])));
	} catch (error) {
		return [fail("login", explain(session, "", error))];
	} finally {
		connector.close();
	}
}

async function examine(session: Session, prefix: string, options: DataSourceOptions | undefined): Promise<Examination> {
	const name = `${prefix}login`;
	if (options === undefined) return skip(name, "is not known");
	try {
		await logIn(options);
		return pass(name, `user "${readUser(options)}" is let into "${readDatabase(options)}" and SELECT 1 answers`);
	} catch (error) {
		return fail(name, explain(session, prefix, error, options));
	}
}

async function logIn(options: DataSourceOptions): Promise<void> {
	// The driver alone: initialize() would synchronize, migrate and install extensions.
	const { driver } = new DataSource({
		...options,
		dropSchema: false,
		entities: [],
		logging: false,
		migrationsRun: false,
		subscribers: [],
		synchronize: false,
	});
	const disconnect = async (): Promise<void> => driver.disconnect().catch(() => undefined);
	const ask = async (): Promise<void> => {
		await driver.connect();
		const runner = driver.createQueryRunner("master");
		await runner.query("SELECT 1").finally(async () => runner.release());
	};
	try {
		await withDeadline(ask, { deadlineMs: DEADLINE_MS, disposeLate: disconnect, subject: "The login" });
	} finally {
		await disconnect();
	}
}

function explain(session: Session, prefix: string, error: unknown, options?: DataSourceOptions): FoundProblem {
	if (isTypeOrmAwsConnectorError(error) && !(error instanceof ConnectorTimeoutError)) {
		const { code, remedy = "Look at the message, then try again." } = error;
		return { code, label: undefined, message: readFault(error), path: undefined, remedy };
	}
	const secretId = readValue(session, "secretId", prefix);
	return explainLoginFailure(error, {
		config: session.config,
		fields: session.explanation.fields,
		options,
		prefix,
		secretId: typeof secretId === "string" ? secretId : undefined,
	}).problem;
}
