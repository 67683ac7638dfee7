/** A process that connects as an application does that says nothing of TLS. Prints one line: the version of TLS, `plain`, or the driver's error. */
import { DataSource } from "typeorm";

import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { leadToLoopback } from "../../support/lead-to-loopback.js";

const config = JSON.parse(String(process.env["CONNECTOR_CONFIG"])) as ITypeOrmAwsConnectorConfig & { host: string };

async function connect(): Promise<string> {
	const dataSource = new DataSource(await new TypeOrmAwsConnectorService(undefined, undefined, config).getTypeOrmOptions());
	try {
		await dataSource.initialize();
		const rows: { version: string | null }[] = await dataSource.query("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
		return rows[0]?.version ?? "plain";
	} catch (error) {
		const { code, message } = error as NodeJS.ErrnoException;
		return code ?? message;
	} finally {
		if (dataSource.isInitialized) await dataSource.destroy();
	}
}

leadToLoopback(config.host);
void connect().then((line) => process.stdout.write(`${line}\n`));
