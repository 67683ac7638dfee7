/** What AWS and its database are in production: a PostgreSQL server, Parameter Store, Secrets Manager, and the rotation of the secret. */
import { type FakeAws, startFakeAws } from "../../src/testing/fake-aws.js";
import { type PostgresServer, startPostgres } from "../../test/support/postgres/postgres-server.js";

const DATABASE = "bank";
const SECRET_ID = "bank/database";

/** The user of the application, and the one that AWS's alternating strategy makes of it. */
export const USERS = ["app", "app_clone"] as const;

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

	/** Creates database and users, and puts in what the application looks up. */
	async fill(poolSize: number): Promise<void> {
		const { aws, server } = this;
		const login = this.makeLogin();
		await server.createDatabase(DATABASE);
		await server.createRole(USERS[0], login.password, { databases: [DATABASE] });
		await server.createRole(USERS[1], login.password, { memberOf: [USERS[0]] });
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
		await this.server.setPassword(login.username, login.password);
		this.aws.secrets.put(SECRET_ID, login);
	}

	/**
	 * Single user: the password in use is changed. From here on no login that is in the secret works, until the function that is returned has
	 * been called.
	 */
	async changePassword(): Promise<() => void> {
		const login = this.makeLogin();
		await this.server.setPassword(login.username, login.password);
		return () => void this.aws.secrets.put(SECRET_ID, login);
	}

	/** Ends all connections of the user in the secret, and says how many there were. */
	async cutConnections(): Promise<number> {
		const { admin } = this.server;
		const { rowCount } = await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", [
			this.currentUser,
		]);
		while ((await this.server.connections(this.currentUser)).length > 0);
		return rowCount ?? 0;
	}

	/** Connections of each user as the server counts them. */
	async countConnections(): Promise<Record<string, number>> {
		const connections = await this.server.connections();
		return Object.fromEntries(USERS.map((name) => [name, connections.filter(({ user }) => user === name).length]));
	}

	async stop(): Promise<void> {
		await Promise.all([this.aws.stop(), this.server.stop()]);
	}

	private makeLogin(): { password: string; username: string } {
		this.passwordCount += 1;
		return { password: `demonstration-${String(this.passwordCount)}`, username: this.currentUser };
	}
}
