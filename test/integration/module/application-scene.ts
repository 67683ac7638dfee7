/** Real servers with three databases, each with its own users and secret, and applications that are booted on them. */
import { type INestApplicationContext, type InjectionToken, type LoggerService, Module, type ModuleMetadata } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { DataSource } from "typeorm";

import { ParameterStoreConfigModule } from "../../../src/parameter-store/parameter-store-config.module.js";
import type { IParameterStoreConfigProperties } from "../../../src/parameter-store/parameter-store.options.js";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";
import { type PostgresServer, startPostgres } from "../../support/postgres/postgres-server.js";

/** Each is the name of a database, of its secret, and the beginning of its two users. */
export const DATABASES = ["shop", "orders", "invoices"] as const;
export type DatabaseName = (typeof DATABASES)[number];

/** Who is logged in where. */
export interface Session {
	readonly database: string;
	readonly user: string;
}

/** A booted application. */
export interface Application {
	get<Type = DataSource>(token: InjectionToken): Type;
	readonly warnings: readonly string[];
}

export class ApplicationScene {
	private running: INestApplicationContext | undefined;

	private constructor(
		readonly aws: FakeAws,
		readonly server: PostgresServer,
	) {}

	/** Starts the servers and fills them. SSM holds what a connector looks up without options: the database `shop`. */
	static async start(): Promise<ApplicationScene> {
		const [aws, server] = await Promise.all([startFakeAws(), startPostgres()]);
		for (const database of DATABASES) {
			await server.createDatabase(database);
			for (const color of ["blue", "green"])
				await server.createRole(`${database}_${color}`, `${color} password`, { databases: [database] });
		}
		return new ApplicationScene(aws, server);
	}

	/** Secrets and parameters as at the beginning, calls and faults forgotten. */
	reset(): void {
		const { aws, server } = this;
		aws.faults.clear();
		for (const database of DATABASES) aws.secrets.put(database, { password: "blue password", username: `${database}_blue` });
		for (const name of ["enabled", "interval-ms"]) aws.parameters.delete(`/app/test/api/main/typeorm/rotation/${name}`);
		aws.parameters.putMany({
			"/app/test/api/main/postgres/database-name": "shop",
			"/app/test/api/main/postgres/type": "postgres",
			"/app/test/aws-rds/aurora-postgres/host": server.host,
			"/app/test/aws-rds/aurora-postgres/port": String(server.port),
			"/app/test/aws-secrets-manager/database/secret-id": "shop",
		});
		aws.calls.clear();
	}

	/** Points the secret of a database at its second user. */
	moveSecret(database: DatabaseName): void {
		this.aws.secrets.put(database, { password: "green password", username: `${database}_green` });
	}

	/** The module of Parameter Store, on the endpoint. */
	parameterStore(options: Partial<IParameterStoreConfigProperties> = {}): NonNullable<ModuleMetadata["imports"]>[number] {
		const segments = { application: "app", environment: "test", instanceName: "main", namespace: "api" };
		return ParameterStoreConfigModule.register({ ...segments, config: this.aws.clientConfig, ...options });
	}

	/** How a connector finds the endpoint. */
	get connectorAws(): { credentials: FakeAws["clientConfig"]["credentials"]; endpoint: string; region: string } {
		return { ...this.aws.clientConfig };
	}

	/** Boots an application; the one before has to be closed. */
	async boot(...imports: NonNullable<ModuleMetadata["imports"]>): Promise<Application> {
		@Module({ imports })
		class ApplicationModule {}
		const warnings: string[] = [];
		const logger: LoggerService = { error: () => undefined, log: () => undefined, warn: (message: string) => warnings.push(message) };
		const context = await NestFactory.createApplicationContext(ApplicationModule, { abortOnError: false, logger });
		this.running = context;
		return { get: (token) => context.get(token as string, { strict: false }), warnings };
	}

	async close(): Promise<void> {
		await this.running?.close();
		this.running = undefined;
	}

	async stop(): Promise<void> {
		await Promise.all([this.aws.stop(), this.server.stop()]);
	}
}

/** Asks the server. */
export async function whoAmI(dataSource: DataSource): Promise<Session> {
	const rows = await dataSource.query<Session[]>('SELECT current_database() AS "database", current_user AS "user"');
	return rows[0] as Session;
}
