/** The server does not let the new login in: twenty rotations fail, the live side goes on, and the first that is let in takes over. */
import { describeEngines } from "../support/describe-engines.js";
import { eventually } from "../support/eventually.js";
import { fillPool } from "../support/held-connections.js";
import { startWatchedScene, type WatchedScene } from "../support/invariants.js";
import { startMariadb } from "../support/mariadb/mariadb-server.js";
import { createMovablePort } from "../support/movable-port.js";
import { startPostgres } from "../support/postgres/postgres-server.js";
import type { DatabaseServer, EngineName } from "../support/server/database-server.js";
import type { SqlDialect } from "../support/sql-dialects.js";
import { outliveFault, QUICK_ROTATION } from "../support/outlive-fault.js";

/** Those that are run here. */
type Engine = Exclude<EngineName, "mysql">;

interface Refusal {
	begin(scene: WatchedScene, dialect: SqlDialect): Promise<void> | void;
	end(scene: WatchedScene, dialect: SqlDialect): Promise<void> | void;
	/** As a driver calls it: the SQLSTATE, or a name, which is the wrong one for an account that MariaDB has locked. */
	readonly codes: Readonly<Record<Engine, string>>;
	/** Where it is found out. */
	readonly stages: Readonly<Record<Engine, "stage" | "verify">>;
	readonly title: string;
}

const EXPIRE: Readonly<Record<Engine, (user: string) => string>> = {
	mariadb: (user) => `ALTER USER '${user}'@'%' PASSWORD EXPIRE`,
	postgres: (user) => `ALTER ROLE ${user} VALID UNTIL '2001-01-01'`,
};
const RENEW: Readonly<Record<Engine, (user: string, password: string) => string>> = {
	mariadb: (user, password) => `ALTER USER '${user}'@'%' IDENTIFIED BY '${password}'`,
	postgres: (user) => `ALTER ROLE ${user} VALID UNTIL 'infinity'`,
};

type Sql<Text> = Readonly<Record<Engine, (scene: WatchedScene) => Text>>;

const FORBID: Sql<readonly string[]> = {
	mariadb: ({ database, users }) => [`REVOKE ALL ON ${database}.* FROM '${users[1]}'@'%'`],
	postgres: ({ database, users }) => [
		`GRANT CONNECT ON DATABASE ${database} TO ${users[0]}`,
		`REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC`,
	],
};
const ALLOW: Sql<string> = {
	mariadb: ({ database, users }) => `GRANT ALL ON ${database}.* TO '${users[1]}'@'%'`,
	postgres: ({ database, users }) => `GRANT CONNECT ON DATABASE ${database} TO ${users[1]}`,
};

const AT_LOGIN = { mariadb: "stage", postgres: "stage" } as const;
const WRONG_PASSWORD = { mariadb: "ER_ACCESS_DENIED_ERROR", postgres: "28P01" };

const REFUSALS: readonly Refusal[] = [
	{
		begin: ({ aws, secretId, users }) => void aws.secrets.put(secretId, { password: "another", username: users[1] }),
		codes: WRONG_PASSWORD,
		end: async (scene) => scene.alternate(),
		stages: AT_LOGIN,
		title: "its password",
	},
	{
		begin: async (scene, { lockUser }) => {
			await scene.server.admin.query(lockUser(scene.users[1]));
			await scene.alternate();
		},
		codes: { mariadb: "ER_BULK_PARSER_INCOMPLETE_ESCAPE_SEQUENCE", postgres: "28000" },
		end: async ({ server, users }, { unlockUser }) => void (await server.admin.query(unlockUser(users[1]))),
		stages: AT_LOGIN,
		title: "a role that may not log in",
	},
	{
		begin: ({ aws, secretId }) => void aws.secrets.put(secretId, { password: "any", username: "dropped" }),
		codes: WRONG_PASSWORD,
		end: async (scene) => scene.alternate(),
		stages: AT_LOGIN,
		title: "a role that was dropped",
	},
	{
		begin: async ({ aws, secretId, server, users }) => {
			await server.setPassword(users[1], "expired");
			await server.admin.query(EXPIRE[nameEngine(server.engine)](users[1]));
			aws.secrets.put(secretId, { password: "expired", username: users[1] });
		},
		codes: { mariadb: "ER_MUST_CHANGE_PASSWORD", postgres: "28P01" },
		end: async ({ server, users }) => void (await server.admin.query(RENEW[nameEngine(server.engine)](users[1], "expired"))),
		stages: { mariadb: "verify", postgres: "stage" },
		title: "a password that has expired",
	},
	{
		begin: async (scene) => {
			for (const sql of FORBID[nameEngine(scene.server.engine)](scene)) await scene.server.admin.query(sql);
			await scene.alternate();
		},
		codes: { mariadb: "ER_DBACCESS_DENIED_ERROR", postgres: "42501" },
		end: async (scene) => void (await scene.server.admin.query(ALLOW[nameEngine(scene.server.engine)](scene))),
		stages: AT_LOGIN,
		title: "a role that has no right to the database",
	},
];

/** PostgreSQL alone lets a role have no connection at all. */
const NO_ROOM: Refusal = {
	begin: async (scene) => {
		await scene.server.admin.query(`ALTER ROLE ${scene.users[1]} CONNECTION LIMIT 0`);
		await scene.alternate();
	},
	codes: { mariadb: "", postgres: "53300" },
	end: async ({ server, users }) => void (await server.admin.query(`ALTER ROLE ${users[1]} CONNECTION LIMIT -1`)),
	stages: AT_LOGIN,
	title: "one connection more than it may have",
};

describeEngines("A server", {}, ({ dialect, engine, getServers, version }) => {
	it.each(engine === "postgres" ? [...REFUSALS, NO_ROOM] : REFUSALS)(
		"may refuse $title for twenty rotations",
		async ({ begin, codes: { [nameEngine(engine)]: code }, end, stages: { [nameEngine(engine)]: expectedStage } }) => {
			const scene = await startWatchedScene(getServers(), { config: { rotation: QUICK_ROTATION }, version });
			await begin(scene, dialect);

			const { codes, messages, stages, userMeanwhile } = await outliveFault(scene, async () => end(scene, dialect));

			expect(codes).toEqual(["ERR_CONNECTOR_STAGING_FAILED"]);
			// Between two attempts the message names the refusal and says when the server is asked again.
			for (const message of messages) expect(message).toContain(`(${code})`);
			expect(stages[0]).toBe(expectedStage);
			expect(userMeanwhile).toBe(scene.users[0]);
			await scene.waitForUser(scene.users[1]);
			expect(await scene.findViolations()).toEqual([]);
		},
	);
});

describeEngines("Another server", {}, ({ engine, getServers, version }) => {
	let other: DatabaseServer;

	beforeAll(async () => {
		other = await (engine === "postgres" ? startPostgres() : startMariadb());
	});

	afterAll(async () => other.stop());

	it("may not have the database for twenty rotations", async () => {
		const { move, parameterSource } = createMovablePort(getServers().aws, getServers().server.port);
		const scene = await startWatchedScene(getServers(), { config: { rotation: QUICK_ROTATION }, parameterSource, version });
		// Without a right to it, one is not told by MariaDB that there is none.
		const rights = engine === "postgres" ? {} : { databases: [scene.database] };
		for (const [index, user] of scene.users.entries()) await other.createRole(user, `password-${String(index)}`, rights);
		move(other.port);
		await scene.alternate();

		const { codes, messages, stages, userMeanwhile } = await outliveFault(scene, () => move(scene.server.port));

		expect(codes).toEqual(["ERR_CONNECTOR_STAGING_FAILED"]);
		expect(messages).toEqual([expect.stringContaining(engine === "postgres" ? "(3D000)" : "(ER_BAD_DB_ERROR)")]);
		expect(stages).toEqual(["stage"]);
		expect(userMeanwhile).toBe(scene.users[0]);
		await scene.waitForUser(scene.users[1]);
		await eventually(async () => expect(await other.connections()).toEqual([]));
		expect(await scene.findViolations()).toEqual([]);
	});
});

describeEngines("A limit that the live pool exhausts", { engines: ["postgres"] }, ({ getServers, version }) => {
	it("lets the replacement in at the cost of an idle connection", async () => {
		const scene = await startWatchedScene(getServers(), { config: { poolSize: 3 }, version, workerCount: 2 });
		const { username } = scene.current();
		await fillPool(scene.dataSource, 3);
		await eventually(async () => expect(await scene.server.connections(username)).toHaveLength(3));
		await scene.server.admin.query(`ALTER ROLE ${username} CONNECTION LIMIT 3`);
		await scene.server.setPassword(username, "password-9");
		scene.aws.secrets.put(scene.secretId, { password: "password-9", username });

		const { outcome } = await scene.rotator.rotateDatabaseConnection();

		expect(outcome).toBe("rotated");
		expect(await scene.findViolations()).toEqual([]);
	});
});

function nameEngine(engine: EngineName): Engine {
	return engine === "postgres" ? engine : "mariadb";
}
