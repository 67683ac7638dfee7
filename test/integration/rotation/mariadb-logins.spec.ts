/** Accounts that MariaDB and MySQL do not let in, each in its own way. What it is is decided by errno: mysql2 knows some numbers by a wrong name. */
import { describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import type { Scene } from "../../support/rotating-database.js";
import type { DatabaseServer, EngineName } from "../../support/server/database-server.js";
import { waitUntil } from "../../support/wait-until.js";

type AnyScene = Scene<DatabaseServer>;

const MONTH_MS = 2_592_000_000;

async function alterNext({ server, users }: AnyScene, change: string): Promise<void> {
	await server.admin.query(`ALTER USER '${users[1]}'@'%' ${change}`);
}

/** An account, and what the server says when it logs in, or in a session that may do nothing: where an engine is left out, there is none. */
interface Refusal extends Partial<Record<EngineName, { readonly errnos: readonly number[]; readonly phase: "connect" | "verify" }>> {
	readonly begin: (scene: AnyScene) => Promise<void>;
	readonly title: string;
}

const REFUSALS: readonly Refusal[] = [
	{
		begin: async (scene) => alterNext(scene, "ACCOUNT LOCK"),
		mariadb: { errnos: [4151], phase: "connect" },
		mysql: { errnos: [3118], phase: "connect" },
		title: "is locked",
	},
	{
		begin: async (scene) => alterNext(scene, "PASSWORD EXPIRE"),
		mariadb: { errnos: [1820], phase: "verify" },
		mysql: { errnos: [1862], phase: "connect" },
		title: "has an expired password",
	},
	{
		begin: async (scene) => alterNext(scene, "IDENTIFIED BY ''"),
		mariadb: { errnos: [1045], phase: "connect" },
		mysql: { errnos: [1045], phase: "connect" },
		title: "has no password",
	},
	{
		begin: async (scene) => alterNext(scene, "IDENTIFIED VIA unix_socket"),
		mariadb: { errnos: [1698], phase: "connect" },
		title: "takes no password at all",
	},
	{
		begin: async ({ server, users }) => void (await server.admin.query(`DROP USER '${users[1]}'@'%'`)),
		// It pretends that there is such an account, by chance one with a password (1045) or one without.
		mariadb: { errnos: [1045, 1698], phase: "connect" },
		mysql: { errnos: [1045], phase: "connect" },
		title: "is gone",
	},
];

/** Accounts that serve, and are refused from then on. */
const LOSSES: readonly { readonly change: (user: string) => string; readonly engines: readonly EngineName[]; readonly title: string }[] = [
	{ change: (user) => `ALTER USER '${user}'@'%' ACCOUNT LOCK`, engines: ["mariadb", "mysql"], title: "is locked" },
	{ change: (user) => `ALTER USER '${user}'@'%' PASSWORD EXPIRE`, engines: ["mysql"], title: "has a password that expires" },
	{ change: (user) => `ALTER USER '${user}'@'%' IDENTIFIED VIA unix_socket`, engines: ["mariadb"], title: "takes no password any more" },
	{ change: (user) => `DROP USER '${user}'@'%'`, engines: ["mariadb", "mysql"], title: "is dropped" },
];

describeEngines("An account", { engines: ["mariadb", "mysql"] }, ({ engine, start }) => {
	it.each(REFUSALS.flatMap(({ begin, title, [engine]: answer }) => (answer === undefined ? [] : { ...answer, begin, title })))(
		"that $title is not promoted: $errnos",
		async ({ begin, errnos, phase }) => {
			const scene = await start();
			await scene.alternate();
			await begin(scene);

			const result = await scene.rotator.rotateDatabaseConnection();
			const user = await scene.findUser();

			expect(result).toMatchObject({ error: { cause: { errno: expect.any(Number) }, phase }, outcome: "failed" });
			expect(errnos).toContain((result as { error: { cause: { errno: number } } }).error.cause.errno);
			expect(user).toBe(scene.users[0]);
			await eventually(async () => expect(await scene.server.connections(scene.users[1])).toEqual([]));
		},
	);

	it("is never tried without a password, also where it has none", async () => {
		const scene = await start();
		await alterNext(scene, "IDENTIFIED BY ''");
		scene.aws.secrets.put(scene.secretId, { password: "", username: scene.users[1] });

		const result = await scene.rotator.rotateDatabaseConnection();
		const [user, refusedCount] = [await scene.findUser(), await scene.server.refusedLogins(scene.users[1])];
		await scene.stop();

		expect(result).toMatchObject({ error: { code: "ERR_CONNECTOR_SECRET_MALFORMED" }, outcome: "failed" });
		expect([user, refusedCount]).toEqual([scene.users[0], 0]);
	});

	it.each(LOSSES.filter(({ engines }) => engines.includes(engine)))(
		"that $title while it serves is left for the next one, and callers wait for that",
		async ({ change }) => {
			const scene = await start({ config: { rotation: { intervalMs: MONTH_MS, isEnabled: true } } });
			await scene.server.admin.query(change(scene.users[0]));
			await scene.server.terminate(scene.users[0]);

			const queries = Promise.all(
				Array.from({ length: 10 }, async (): Promise<unknown> => scene.dataSource.query("SELECT 'yes' AS answer")),
			);
			await waitUntil("a login was refused", () => scene.events.some(({ type }) => type === "login.refused"));
			await scene.alternate();
			const answers = await queries;

			expect(answers).toEqual(answers.map(() => [{ answer: "yes" }]));
			await scene.waitForUser(scene.users[1]);
		},
	);
});
