/** A database with two alternating users, their secret, and a rotating DataSource on it: the scene of most rotation tests. */
import type { DataSource } from "typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../src/connector/typeorm-aws-connector.service.js";
import type { ConnectorEvent } from "../../src/events/connector-event.js";
import { RotatorService, type RotatorOptions } from "../../src/rotation/rotator.service.js";
import { type FakeAws, startFakeAws } from "./fake-aws/fake-aws.js";
import { createLedger } from "./ledger-workload.js";
import { type PostgresServer, startPostgres } from "./postgres/postgres-server.js";
import type { TypeOrmVersion } from "./typeorm-versions.js";

/** Name of the secret. */
export const SECRET_ID = "app/database";

/** The two users that alternate. */
export const USERS = ["app_blue", "app_green"] as const;

/** What differs from scene to scene. */
export interface SceneOptions {
	readonly config?: Partial<ITypeOrmAwsConnectorConfig>;
	/** Where the DataSource connects to, when it is not the server itself: a proxy. */
	readonly endpoint?: { readonly host: string; readonly port: number };
	readonly rotatorOptions?: RotatorOptions;
	readonly version: TypeOrmVersion;
}

/** A running scene. */
export interface Scene {
	readonly aws: FakeAws;
	/** Rotates the users as AWS's alternating strategy does: the other user gets a new password, then the secret names it. */
	alternate(): Promise<void>;
	/** Password and user that AWSCURRENT names. */
	current(): { password: string; username: string };
	readonly connector: TypeOrmAwsConnectorService;
	readonly dataSource: DataSource;
	readonly events: ConnectorEvent[];
	readonly rotator: RotatorService;
	readonly server: PostgresServer;
	stop(): Promise<void>;
}

/** Servers that several scenes share, since each takes a moment to start. */
export interface SceneServers {
	readonly aws: FakeAws;
	readonly server: PostgresServer;
	stop(): Promise<void>;
}

/** Starts the servers. */
export async function startSceneServers(): Promise<SceneServers> {
	const [aws, server] = await Promise.all([startFakeAws(), startPostgres({ maxConnections: 90 })]);
	return {
		aws,
		server,
		stop: async () => {
			await Promise.all([aws.stop(), server.stop()]);
		},
	};
}

let sceneCount = 0;

/** Makes a database, users and a secret of its own for one test, and a DataSource that rotates. Call `stop()` at the end. */
export async function startScene({ aws, server }: SceneServers, options: SceneOptions): Promise<Scene> {
	sceneCount += 1;
	const suffix = `_${String(sceneCount)}`;
	const database = `shop${suffix}`;
	const secretId = `${SECRET_ID}${suffix}`;
	const users = USERS.map((user) => `${user}${suffix}`);
	const owner = `owner${suffix}`;
	await server.createDatabase(database);
	await server.createRole(owner, "unused", { databases: [database] });
	let rotationCount = 0;
	let current = { password: "password-0", username: users[0] as string };
	for (const user of users) await server.createRole(user, current.password, { databases: [database], memberOf: [owner] });
	aws.secrets.put(secretId, current);

	const config = {
		aws: { credentials: aws.clientConfig.credentials, endpoint: aws.url, region: aws.clientConfig.region },
		databaseName: database,
		entities: [],
		host: options.endpoint?.host ?? server.host,
		poolSize: 5,
		port: options.endpoint?.port ?? server.port,
		rotation: { isEnabled: false },
		secretId,
		type: "postgres",
		...options.config,
	} satisfies ITypeOrmAwsConnectorConfig;
	const connector = new TypeOrmAwsConnectorService(undefined, undefined, config);
	const { DataSource } = options.version.load();
	const dataSource = await new DataSource(await connector.getTypeOrmOptions()).initialize();
	await createLedger(dataSource);
	await dataSource.query(`GRANT ALL ON ledger TO ${users.join(", ")}`);
	const rotator = new RotatorService(dataSource, undefined, connector, `db-rotation:${String(sceneCount)}`, options.rotatorOptions);
	const events: ConnectorEvent[] = [];
	rotator.events$.subscribe((event) => events.push(event));
	await rotator.onModuleInit();

	return {
		alternate: async () => {
			rotationCount += 1;
			current = { password: `password-${String(rotationCount)}`, username: users[rotationCount % 2] as string };
			await server.setPassword(current.username, current.password);
			aws.secrets.put(secretId, current);
		},
		aws,
		connector,
		current: () => current,
		dataSource,
		events,
		rotator,
		server,
		stop: async () => {
			await rotator.onModuleDestroy();
			rotator.beforeApplicationShutdown();
			await Promise.all([rotator.onApplicationShutdown(), dataSource.isInitialized ? dataSource.destroy() : undefined]);
			connector.close();
			aws.faults.clear();
		},
	};
}
