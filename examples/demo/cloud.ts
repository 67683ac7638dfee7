/** What AWS and its database are in production: a PostgreSQL server, Parameter Store, Secrets Manager, and the rotation of the secret. */
import { type FakeAws, startFakeAws } from "../../src/testing/fake-aws.js";
import { type PostgresServer, startPostgres } from "../../test/support/postgres/postgres-server.js";

const DATABASE = "bank";
const SECRET_ID = "bank/database";

/** The user of the application, and the one that AWS's alternating strategy makes of it. */
export const USERS = ["app", "app_clone"] as const;

/** The same users of the application without the library, in a database of its own. Their passwords change with the others. */
export const PLAIN_USERS = ["plain", "plain_clone"] as const;
const PLAIN_DATABASE = "bank_plain";

/** What the application without the library was given when it started. */
export interface PlainLogin {
	readonly database: string;
	readonly host: string;
	readonly password: string;
	readonly port: number;
	readonly username: string;
}

/** Starts the server and the endpoint with the application's parameters and its secret in it. */
export async function startCloud(poolSize: number): Promise<Cloud> {
	const server = await startPostgres();
	const aws = await startFakeAws();
	const cloud = new Cloud(server, aws);
	try {
		await cloud.fill(poolSize);
	} catch (error) {
		await cloud.stop();
		throw error;
	}
	return cloud;
}

/** The running servers. */
export class Cloud {
	private firstPassword = "";
	private passwordCount = 0;
	private userIndex = 0;

	constructor(
		readonly server: PostgresServer,
		readonly aws: FakeAws,
	) {}

	/** The environment of the application. */
	get environment(): Readonly<Record<string, string>> {
		return { ...this.aws.env, APPLICATION: "bank", ENVIRONMENT: "demo" };
	}

	/** The user in the secret. */
	get currentUser(): string {
		return USERS[this.userIndex] as string;
	}

	/** The credentials with which an application starts that reads its secret once. */
	get plainLogin(): PlainLogin {
		const { host, port } = this.server;
		return { database: PLAIN_DATABASE, host, password: this.firstPassword, port, username: PLAIN_USERS[0] };
	}

	/** Creates database and users, and puts in what the application looks up. */
	async fill(poolSize: number): Promise<void> {
		const { aws, server } = this;
		const login = this.makeLogin();
		await server.createDatabase(DATABASE);
		await server.createRole(USERS[0], login.password, { databases: [DATABASE] });
		await server.createRole(USERS[1], login.password, { memberOf: [USERS[0]] });
		await server.createDatabase(PLAIN_DATABASE);
		await server.createRole(PLAIN_USERS[0], login.password, { databases: [PLAIN_DATABASE] });
		await server.createRole(PLAIN_USERS[1], login.password, { memberOf: [PLAIN_USERS[0]] });
		this.firstPassword = login.password;
		aws.secrets.put(SECRET_ID, login);
		aws.parameters.putMany({
			"/bank/demo/aws-rds/aurora-postgres/host": server.host,
			"/bank/demo/aws-rds/aurora-postgres/port": String(server.port),
			"/bank/demo/aws-secrets-manager/database/secret-id": SECRET_ID,
			"/bank/demo/aws-ecs-fargate/bank-api/postgres/database-name": DATABASE,
			"/bank/demo/aws-ecs-fargate/bank-api/postgres/type": "postgres",
			"/bank/demo/aws-ecs-fargate/bank-api/typeorm/pool-size": String(poolSize),
			"/bank/demo/aws-ecs-fargate/bank-api/typeorm/synchronize": "true",
		});
	}

	/** Alternating users: the one at rest gets a new password, then the secret names it. The one in use keeps working meanwhile. */
	async alternateUsers(): Promise<void> {
		this.userIndex = 1 - this.userIndex;
		const login = this.makeLogin();
		await this.setPasswords(login);
		this.aws.secrets.put(SECRET_ID, login);
	}

	/**
	 * Single user: the password in use is changed. From here on no login that is in the secret works, until the function that is returned has
	 * been called.
	 */
	async changePassword(): Promise<() => void> {
		const login = this.makeLogin();
		await this.setPasswords(login);
		return () => void this.aws.secrets.put(SECRET_ID, login);
	}

	/** Ends all connections of both applications, and says how many the one with the library had. */
	async cutConnections(): Promise<number> {
		const { admin } = this.server;
		const { rows } = await admin.query<{ usename: string }>(
			"SELECT usename, pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ANY($1)",
			[[...USERS, ...PLAIN_USERS]],
		);
		const listLeft = async (): Promise<number> => (await this.server.connections()).length;
		while ((await listLeft()) > 0);
		return rows.filter(({ usename }) => usename === this.currentUser).length;
	}

	/** Connections of each user as the server counts them. */
	async countConnections(): Promise<Record<string, number>> {
		const connections = await this.server.connections();
		return Object.fromEntries(USERS.map((name) => [name, connections.filter(({ user }) => user === name).length]));
	}

	async stop(): Promise<void> {
		await Promise.all([this.aws.stop(), this.server.stop()]);
	}

	private async setPasswords({ password, username }: { password: string; username: string }): Promise<void> {
		const plainUser = PLAIN_USERS[this.userIndex] as string;
		await Promise.all([this.server.setPassword(username, password), this.server.setPassword(plainUser, password)]);
	}

	private makeLogin(): { password: string; username: string } {
		this.passwordCount += 1;
		return { password: `demonstration-${String(this.passwordCount)}`, username: this.currentUser };
	}
}
