/** A database that takes IAM tokens only, and connectors for it: the scene of the tests of IAM logins. */
import type { DataSource } from "typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import type { ParameterSource } from "../../../src/connector/sources.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import type { ConnectorEvent } from "../../../src/events/connector-event.js";
import { RotatorService } from "../../../src/rotation/rotator.service.js";
import { CertificateAuthority } from "../certificates.js";
import { endLater } from "../endings.js";
import { startMariadb } from "../mariadb/mariadb-server.js";
import { startPostgres } from "../postgres/postgres-server.js";
import type { DatabaseServer, EngineName } from "../server/database-server.js";
import type { TypeOrmVersion } from "../typeorm-versions.js";
import type { LoopbackGateway } from "./loopback-gateway.js";
import { MysqlGateway } from "./mysql-gateway.js";
import { PostgresGateway } from "./postgres-gateway.js";
import type { SigningKey } from "./presigned-token.js";
import type { TokenDeskOptions } from "./token-desk.js";

/** The AWS identity of the application. */
export const APPLICATION_KEY: Required<SigningKey> = {
	accessKeyId: "AKIAAPPLICATION00001",
	secretAccessKey: "the-secret-key-of-the-application",
	sessionToken: "a session token with / and + in it==",
};

/** The names of the databases that the gateway stands for, and the ids by which IAM knows them. */
export const RDS_HOST = "shop.cluster-abc123.eu-west-1.rds.amazonaws.com";
export const RDS_RESOURCE_ID = "cluster-ABCDEFGHIJKL01234";
export const DSQL_CLUSTER_ID = "abcdefghijklmnopqrstuvwxyz";
export const DSQL_HOST = `${DSQL_CLUSTER_ID}.dsql.eu-west-1.on.aws`;

/** The port that tokens of RDS are signed for; the gateway itself listens elsewhere, as behind a tunnel. */
export const RDS_PORT = 5_432;
export const MYSQL_PORT = 3_306;

/** Connections that an application may have. */
export const POOL_SIZE = 5;

const DATABASE = "shop";
const USERS = { admin: "password-of-admin", app: "password-of-app" } as const;

/** A running scene. */
export interface IamScene {
	/** The connector's options; the identity is the application's. */
	readonly config: ITypeOrmAwsConnectorConfig;
	readonly gateway: LoopbackGateway;
	readonly server: DatabaseServer;
	/** TLS to the gateway, for a client of one's own. */
	readonly ssl: { readonly ca: string; readonly servername: string };
	stop(): Promise<void>;
	/** The way to the gateway: what is put on top of a connector's options. */
	readonly tunnel: { readonly host: string; readonly port: number };
}

/** What a gateway is called and where it says it is. */
export interface IamSceneOptions {
	/** Default: `RDS_HOST` or `DSQL_HOST`. */
	readonly host?: string;
	/** Whether tokens are signed for the port that the gateway listens on, and not for the one at the far end of a tunnel. Default `false`. */
	readonly isDirect?: boolean;
}

/** Starts a server with two users and a gateway of one kind in front of it. */
export async function startIamScene(
	service: TokenDeskOptions["service"],
	engine: EngineName = "postgres",
	{ host = service === "dsql" ? DSQL_HOST : RDS_HOST, isDirect = false }: IamSceneOptions = {},
): Promise<IamScene> {
	const isMysql = engine === "mariadb";
	const server = await (isMysql ? startMariadb() : startPostgres());
	await server.createDatabase(DATABASE);
	for (const [user, password] of Object.entries(USERS)) await server.createRole(user, password, { databases: [DATABASE] });
	const isDsql = service === "dsql";
	const tunnelledPort = isMysql ? MYSQL_PORT : RDS_PORT;
	const authority = new CertificateAuthority(`Authority of ${host}`);
	const Gateway = isMysql ? MysqlGateway : PostgresGateway;
	const gateway = await new Gateway({
		// Of an address, mysql2 wants to see this name.
		certificate: authority.issue({ names: isMysql ? [host, "localhost"] : [host] }),
		host,
		keys: [APPLICATION_KEY],
		...(isDirect ? {} : { port: tunnelledPort }),
		region: "eu-west-1",
		resourceId: RDS_RESOURCE_ID,
		service,
		target: server,
		users: USERS,
	}).start();
	return {
		config: {
			aws: { credentials: APPLICATION_KEY },
			databaseName: DATABASE,
			entities: [],
			host,
			poolSize: POOL_SIZE,
			tls: { ca: authority.certificate, ...(isMysql ? {} : { servername: host }) },
			...(isDsql
				? {}
				: {
						credentials: { source: "rds-iam" },
						port: isDirect ? gateway.port : tunnelledPort,
						type: engine,
						username: "app",
					}),
		},
		gateway,
		server,
		ssl: { ca: authority.certificate, servername: host },
		stop: endLater(async () => {
			await gateway.stop();
			await server.stop();
		}),
		tunnel: { host: gateway.host, port: gateway.port },
	};
}

/** A DataSource that logs in through the gateway, and what rotates it. */
export interface IamApplication {
	readonly connector: TypeOrmAwsConnectorService;
	readonly dataSource: DataSource;
	readonly events: ConnectorEvent[];
	readonly rotator: RotatorService;
	/** Ends it as Nest ends an application. */
	stop(): Promise<void>;
}

/** Starts an application on the scene. Refused logins are waited out; what goes on top of the options of connector and TypeORM is given. */
export async function startIamApplication(
	{ config, tunnel }: IamScene,
	version: TypeOrmVersion,
	own: Partial<ITypeOrmAwsConnectorConfig> = {},
	override: object = {},
	parameterSource?: ParameterSource,
): Promise<IamApplication> {
	const connector = new TypeOrmAwsConnectorService(undefined, parameterSource, {
		...config,
		rotation: { shouldRotateOnAuthFailure: true },
		...own,
	});
	const options = await connector.getTypeOrmOptions();
	const { DataSource: LoadedDataSource } = version.load();
	const dataSource = await new LoadedDataSource({ ...options, ...tunnel, ...override }).initialize();
	const rotator = new RotatorService(dataSource, undefined, connector, "db-rotation:iam");
	const events: ConnectorEvent[] = [];
	rotator.events$.subscribe((event) => events.push(event));
	await rotator.onModuleInit();
	return {
		connector,
		dataSource,
		events,
		rotator,
		stop: endLater(async () => {
			await rotator.onModuleDestroy();
			connector.close();
			rotator.beforeApplicationShutdown();
			await Promise.all([rotator.onApplicationShutdown(), dataSource.isInitialized ? dataSource.destroy() : undefined]);
		}),
	};
}
