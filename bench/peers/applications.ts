/** The ways to give a rotating password to a PostgreSQL pool that the benches compare. */
import { setTimeout as sleep } from "node:timers/promises";

import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { Pool } from "pg";
import { DataSource } from "typeorm";

import { RotatorService, TypeOrmAwsConnectorService } from "../../src/index.js";
import type { SceneDatabase } from "../../test/support/rotating-database.js";
import type { Endpoint } from "../../test/support/tcp-proxy.js";
import { loadPeer } from "./load-peer.js";

export const POOL_SIZE = 10;

/** How often a timer reads the secret: far more often than anybody does, in its favour. */
const TIMER_MS = 1_000;

/** A database and the way to it. */
export interface Place {
	readonly endpoint: Endpoint;
	readonly scene: SceneDatabase;
}

/** An application with a pool. */
export interface Application {
	query(sql: string): Promise<unknown>;
	/** Reads the secret now, as on an event of AWS, where the application can. */
	rotate?(): Promise<unknown>;
	stop(): Promise<void>;
}

export type Side = "library" | "passwordFunction" | "plain" | "timer" | "wrapper";

/** Names in tables. */
export const SIDE_TITLES: Readonly<Record<Side, string>> = {
	library: "this library",
	passwordFunction: "password function on a pg pool",
	plain: "TypeORM",
	timer: "destroy + initialize when a timer finds another version",
	wrapper: "aws-advanced-nodejs-wrapper",
};

interface Login {
	readonly password: string;
	readonly username: string;
}

interface WrapperModule {
	readonly AwsPgPoolClient: new (config: object, poolConfig: object) => { end(): Promise<void>; query(sql: string): Promise<unknown> };
}

/** Starts one of them. */
export const APPLICATIONS: Readonly<Record<Side, (place: Place) => Promise<Application>>> = {
	library: async ({ endpoint: { host, port }, scene }) => {
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, {
			...scene.config,
			host,
			poolSize: POOL_SIZE,
			port,
			rotation: { intervalMs: 3_600_000, isEnabled: true },
		});
		const dataSource = await new DataSource(await connector.getTypeOrmOptions()).initialize();
		const rotator = new RotatorService(dataSource, undefined, connector, "bench");
		await rotator.onModuleInit();
		return {
			query: async (sql) => dataSource.query(sql),
			rotate: async () => rotator.rotateDatabaseConnection(),
			stop: async () => {
				await rotator.onModuleDestroy();
				rotator.beforeApplicationShutdown();
				await Promise.all([rotator.onApplicationShutdown(), dataSource.destroy()]);
				connector.close();
			},
		};
	},
	passwordFunction: async ({ endpoint: { host, port }, scene }) => {
		const client = new SecretsManagerClient(scene.aws.clientConfig);
		const { username } = await readSecret(client, scene.secretId);
		const pool = new Pool({
			database: scene.database,
			host,
			max: POOL_SIZE,
			password: async () => (await readSecret(client, scene.secretId)).password,
			port,
			user: username,
		});
		// Connections that the server ends while they are idle; without a listener the process would end.
		pool.on("error", () => undefined);
		return {
			query: async (sql) => pool.query(sql),
			stop: async () => {
				await pool.end();
				client.destroy();
			},
		};
	},
	plain: async (place) => {
		const dataSource = await openDataSource(place, place.scene.current());
		return { query: async (sql) => dataSource.query(sql), stop: async () => dataSource.destroy() };
	},
	timer: async (place) => {
		const client = new SecretsManagerClient(place.scene.aws.clientConfig);
		let login = await readSecret(client, place.scene.secretId);
		let dataSource = await openDataSource(place, login);
		let isStopping = false;
		const refresh = async (): Promise<void> => {
			const fresh = await readSecret(client, place.scene.secretId);
			if (fresh.password === login.password && fresh.username === login.username) return;
			await dataSource.destroy();
			dataSource = await openDataSource(place, fresh);
			login = fresh;
		};
		const watching = (async () => {
			while (!isStopping) {
				await sleep(TIMER_MS);
				await refresh().catch(() => undefined);
			}
		})();
		return {
			query: async (sql) => dataSource.query(sql),
			stop: async () => {
				isStopping = true;
				await watching;
				await dataSource.destroy();
				client.destroy();
			},
		};
	},
	wrapper: async ({ endpoint: { host, port }, scene }) => {
		const { AwsPgPoolClient } = loadPeer<WrapperModule>("aws-advanced-nodejs-wrapper/pg");
		// Its plugin takes the identity from the environment only.
		Object.assign(process.env, scene.aws.env);
		const { region } = scene.aws.clientConfig;
		const config = {
			database: scene.database,
			// Otherwise it asks the server what kind it is on each connection.
			dialect: "pg",
			host,
			plugins: "secretsManager",
			port,
			secretEndpoint: scene.aws.url,
			secretId: scene.secretId,
			secretRegion: region,
		};
		const pool = new AwsPgPoolClient(config, { maxConnections: POOL_SIZE });
		return Promise.resolve({ query: async (sql) => pool.query(sql), stop: async () => pool.end() });
	},
};

async function openDataSource({ endpoint: { host, port }, scene }: Place, { password, username }: Login): Promise<DataSource> {
	const dataSource = new DataSource({ database: scene.database, host, password, poolSize: POOL_SIZE, port, type: "postgres", username });
	return dataSource.initialize();
}

async function readSecret(client: SecretsManagerClient, secretId: string): Promise<Login> {
	const { SecretString = "{}" } = await client.send(new GetSecretValueCommand({ SecretId: secretId }));
	return JSON.parse(SecretString) as Login;
}
