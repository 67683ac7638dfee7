/** A database with two alternating users, their secret, and a rotating DataSource on it: the scene of most rotation tests. */
import type { DataSource, DataSourceOptions, ReplicationMode } from "typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../../src/configuration/connector.options.js";
import type { ParameterSource } from "../../src/connector/sources.js";
import { TypeOrmAwsConnectorService } from "../../src/connector/typeorm-aws-connector.service.js";
import type { ConnectorEvent } from "../../src/events/connector-event.js";
import type { IntervalRegistry } from "../../src/rotation/rotation-schedule.js";
import type { IRotatorOptions } from "../../src/rotation/rotation.options.js";
import { RotatorService } from "../../src/rotation/rotator.service.js";
import { endLater } from "./endings.js";
import { type FakeAws, startFakeAws } from "../../src/testing/fake-aws.js";
import { waitForUser } from "./eventually.js";
import { createLedger } from "./ledger-workload.js";
import { startMariadbReplica } from "./mariadb/mariadb-replica.js";
import { type MariadbServer, startMariadb } from "./mariadb/mariadb-server.js";
import { startMysql } from "./mysql/mysql-server.js";
import { startPostgresReplica } from "./postgres/postgres-replica.js";
import { type PostgresServer, startPostgres } from "./postgres/postgres-server.js";
import type { DatabaseReplica, DatabaseServer, DatabaseServerOptions, EngineName } from "./server/database-server.js";
import { DIALECTS } from "./sql-dialects.js";
import type { Endpoint } from "./tcp-proxy.js";
import type { TypeOrmVersion } from "./typeorm-versions.js";

/** Name of the secret. */
export const SECRET_ID = "app/database";

/** The two users that alternate. */
export const USERS = ["app_blue", "app_green"] as const;

/** Where a database is and whose. */
export interface SceneDatabase<Server extends DatabaseServer = PostgresServer> {
	readonly aws: FakeAws;
	/** Rotates the users as AWS's alternating strategy does: the other user gets a new password, then the secret names it. */
	alternate(): Promise<void>;
	/** The connector's options for this database; `rotation` is off. */
	readonly config: ITypeOrmAwsConnectorConfig;
	/** Password and user that AWSCURRENT names. */
	current(): SceneLogin;
	readonly database: string;
	/** A server that follows `server`, where the scene has one. */
	readonly replica: DatabaseReplica | undefined;
	readonly secretId: string;
	readonly server: Server;
	/** Both users, the one that is served at the start first. Each has every right on the tables that the other creates. */
	readonly users: readonly [string, string];
}

/** User and password, as the secret holds them. */
export interface SceneLogin {
	readonly password: string;
	readonly username: string;
}

/** What differs from scene to scene. */
export interface SceneOptions {
	readonly config?: Partial<ITypeOrmAwsConnectorConfig>;
	/** Where the DataSource connects to, when it is not the server itself: a proxy. */
	readonly endpoint?: Endpoint;
	/** What the application puts on top of the connector's options. */
	readonly override?: (options: DataSourceOptions) => DataSourceOptions;
	/** Parameter Store, which then says the port. */
	readonly parameterSource?: ParameterSource;
	readonly registry?: IntervalRegistry;
	/** The same for the replica. */
	readonly replicaEndpoint?: Endpoint;
	readonly rotatorOptions?: IRotatorOptions;
	readonly version: TypeOrmVersion;
}

/** A running scene. */
export interface Scene<Server extends DatabaseServer = PostgresServer> extends SceneDatabase<Server> {
	readonly connector: TypeOrmAwsConnectorService;
	readonly dataSource: DataSource;
	readonly events: ConnectorEvent[];
	/** Changes the users, rotates, and resolves with the outcome when every connection is exchanged. */
	exchange(): Promise<string>;
	/** Name of the user as which a query of the DataSource runs now: on the master, or on a replica. */
	findUser(mode?: ReplicationMode): Promise<string>;
	readonly rotator: RotatorService;
	/** Ends it as Nest ends an application. May be called again; happens by itself after the test. */
	stop(): Promise<void>;
	/** Resolves when queries of the DataSource run as `user`: on the master, or on a replica. */
	waitForUser(user: string, mode?: ReplicationMode): Promise<void>;
}

/** Servers that several scenes share, since each takes a moment to start. */
export interface SceneServers<Server extends DatabaseServer = PostgresServer> {
	readonly aws: FakeAws;
	readonly replica?: DatabaseReplica | undefined;
	readonly server: Server;
	stop(): Promise<void>;
}

/** Which servers to start, and how. */
export interface SceneServersOptions<Engine extends EngineName> extends DatabaseServerOptions {
	/** Default `postgres`. */
	readonly engine?: Engine;
	/** Whether a replica follows the server; the connector is told of it. Default `false`. */
	readonly hasReplica?: boolean;
}

/** Starts the servers. */
export function startSceneServers(options?: SceneServersOptions<"postgres">): Promise<SceneServers>;
export function startSceneServers(options: SceneServersOptions<"mariadb" | "mysql">): Promise<SceneServers<MariadbServer>>;
export function startSceneServers(options: SceneServersOptions<EngineName>): Promise<SceneServers<DatabaseServer>>;
export async function startSceneServers({
	engine = "postgres",
	hasReplica = false,
	...options
}: SceneServersOptions<EngineName> = {}): Promise<SceneServers<DatabaseServer>> {
	const [aws, [server, replica]] = await Promise.all([startFakeAws(), STARTERS[engine]({ maxConnections: 90, ...options }, hasReplica)]);
	return {
		aws,
		replica,
		server,
		stop: endLater(async () => Promise.all([aws.stop(), replica?.stop(), server.stop()])),
	};
}

const STARTERS: Readonly<
	Record<EngineName, (options: DatabaseServerOptions, hasReplica: boolean) => Promise<[DatabaseServer, DatabaseReplica | undefined]>>
> = {
	mariadb: async (options, hasReplica) => {
		const server = await startMariadb(options);
		return [server, hasReplica ? await startMariadbReplica(server) : undefined];
	},
	mysql: async (options, hasReplica) => {
		if (hasReplica) throw new Error("There are replicas of MariaDB and of PostgreSQL");
		return [await startMysql(options), undefined];
	},
	postgres: async (options, hasReplica) => {
		const server = await startPostgres(options);
		return [server, hasReplica ? await startPostgresReplica(server) : undefined];
	},
};

let databaseCount = 0;

/** Makes a database, two users and a secret of its own for one test. */
export async function createSceneDatabase<Server extends DatabaseServer>({
	aws,
	replica,
	server,
}: SceneServers<Server>): Promise<SceneDatabase<Server>> {
	databaseCount += 1;
	const suffix = `_${String(databaseCount)}`;
	const database = `shop${suffix}`;
	const secretId = `${SECRET_ID}${suffix}`;
	const users = [`${USERS[0]}${suffix}`, `${USERS[1]}${suffix}`] as const;
	await server.createDatabase(database);
	let rotationCount = 0;
	let current: SceneLogin = { password: "password-0", username: users[0] };
	for (const user of users) await server.createRole(user, current.password, { databases: [database] });
	const { shareTables } = DIALECTS[server.engine];
	if (shareTables !== undefined) await server.admin.query(shareTables(users), [], database);
	await replica?.catchUp();
	aws.secrets.put(secretId, current);

	return {
		alternate: async () => {
			rotationCount += 1;
			current = { password: `password-${String(rotationCount)}`, username: users[rotationCount % 2 === 0 ? 0 : 1] };
			await server.setPassword(current.username, current.password);
			aws.secrets.put(secretId, current);
		},
		aws,
		config: {
			aws: { credentials: aws.clientConfig.credentials, endpoint: aws.url, region: aws.clientConfig.region },
			databaseName: database,
			entities: [],
			host: server.host,
			poolSize: 5,
			port: server.port,
			rotation: { isEnabled: false },
			secretId,
			type: server.engine,
			...(replica === undefined ? {} : { replicas: [{ host: replica.host, port: replica.port }] }),
		},
		current: () => current,
		database,
		replica,
		secretId,
		server,
		users,
	};
}

/** Makes a database of its own for one test, and a DataSource that rotates. It ends with the test. */
export async function startScene<Server extends DatabaseServer>(
	servers: SceneServers<Server>,
	options: SceneOptions,
): Promise<Scene<Server>> {
	const scene = await createSceneDatabase(servers);
	const { host, port } = options.endpoint ?? scene.server;
	const { replicaEndpoint } = options;
	const replicas = replicaEndpoint === undefined ? {} : { replicas: [{ host: replicaEndpoint.host, port: replicaEndpoint.port }] };
	const config: ITypeOrmAwsConnectorConfig = { ...scene.config, ...replicas, host, port, ...options.config };
	// What is given in code wins over a parameter.
	if (options.parameterSource !== undefined) delete config.port;
	const connector = new TypeOrmAwsConnectorService(undefined, options.parameterSource, config);
	const { DataSource } = options.version.load();
	const { override = (served) => served } = options;
	const dataSource = await new DataSource(override(await connector.getTypeOrmOptions())).initialize();
	const rotator = new RotatorService(dataSource, options.registry, connector, `db-rotation:${scene.database}`, options.rotatorOptions);
	const stop = endLater(async () => {
		await rotator.onModuleDestroy();
		connector.close();
		rotator.beforeApplicationShutdown();
		await Promise.all([rotator.onApplicationShutdown(), dataSource.isInitialized ? dataSource.destroy() : undefined]);
		scene.aws.faults.clear();
	});
	await createLedger(dataSource);
	const events: ConnectorEvent[] = [];
	rotator.events$.subscribe((event) => events.push(event));
	await rotator.onModuleInit();

	const findUser = async (mode: ReplicationMode = "master"): Promise<string> => {
		const runner = dataSource.createQueryRunner(mode);
		try {
			const [row] = (await runner.query(DIALECTS[scene.server.engine].selectUser)) as [{ user: string }];
			return row.user;
		} finally {
			await runner.release();
		}
	};

	return {
		...scene,
		connector,
		dataSource,
		events,
		exchange: async () => {
			await scene.alternate();
			await scene.replica?.catchUp();
			const { outcome } = await rotator.rotateDatabaseConnection();
			await rotator.waitForExchange();
			return outcome;
		},
		findUser,
		rotator,
		stop,
		waitForUser: async (user, mode) => waitForUser(user, async () => findUser(mode)),
	};
}
