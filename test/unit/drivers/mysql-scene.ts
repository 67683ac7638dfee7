/** A pool of mysql2 above a server in memory. */
import { createPool } from "mysql2";

import type { LivePool } from "../../../src/drivers/live-pool.js";
import type { LoginGate } from "../../../src/drivers/login-gate.js";
import { type Mysql2Pool, type MysqlConnection, readMysqlFields } from "../../../src/drivers/mysql-parts.js";
import { MysqlPool } from "../../../src/drivers/mysql-pool.js";
import { FakeClock } from "../../support/fake-clock.js";
import { FakeMysqlServer } from "../../support/fake-mysql-server.js";
import { type Caller, type Loan, loginOf, PASSWORDS, type PoolScene, type SceneOptions, StubGate } from "./pool-scene.js";

/** mysql2's own pool, with what specs do to it. */
export type RawMysqlPool = Mysql2Pool & { on(event: string, listener: (...values: never[]) => void): unknown };

/** A scene of mysql2. */
export type MysqlScene<Gate extends LoginGate = StubGate> = PoolScene<Gate, RawMysqlPool> & {
	readonly elsewhere: FakeMysqlServer;
	readonly server: FakeMysqlServer;
};

/** Makes a scene. */
export function createMysqlScene<Gate extends LoginGate = StubGate>({
	budgetMs = 0,
	createGate = (gateClock) => new StubGate(gateClock) as unknown as Gate,
	driver = {},
	limit = 2,
}: SceneOptions<Gate> = {}): MysqlScene<Gate> {
	const clock = new FakeClock();
	const servers = { db: new FakeMysqlServer(clock, PASSWORDS), elsewhere: new FakeMysqlServer(clock, PASSWORDS) };
	const stream = ({ config }: { readonly config: { readonly host: "db" | "elsewhere" } }): unknown => servers[config.host].accept();
	const options = { connectionLimit: limit, connectTimeout: budgetMs, host: "db", stream, ...loginOf(1), ...driver };
	const createRaw = (): RawMysqlPool => createPool(options as object) as unknown as RawMysqlPool;
	const raw = createRaw();
	const gate = createGate(clock, () => live.wake());
	const live = new MysqlPool(raw, { clock, gate });
	return {
		call: () => callPool(raw),
		clock,
		createRaw,
		elsewhere: servers.elsewhere,
		end: async () => new Promise((resolve) => raw.end(resolve)),
		gate,
		live: live as unknown as LivePool,
		makeFields: (login) => readMysqlFields(createPool({ ...options, ...login } as object) as unknown as Mysql2Pool),
		raw,
		server: servers.db,
		settle: async () => {
			await servers.db.settle();
			await servers.elsewhere.settle();
		},
	};
}

/** A connection of mysql2, with what specs do to it. */
type RawConnection = MysqlConnection & { readonly config: { readonly user: string }; destroy(): void };

function callPool(pool: RawMysqlPool): Caller {
	const caller: { error: unknown; isAnswered: boolean; loan: Loan | undefined } = {
		error: undefined,
		isAnswered: false,
		loan: undefined,
	};
	pool.getConnection((error, lent) => {
		if (caller.isAnswered) throw new Error("The caller was answered twice");
		caller.isAnswered = true;
		caller.error = error ?? undefined;
		if (error || lent === undefined) return;
		const connection = lent as RawConnection;
		const errors: Error[] = [];
		connection.on("error", (fault: Error) => errors.push(fault));
		caller.loan = {
			ask: async (text) =>
				new Promise((resolve, reject) => {
					connection.query(text, (fault, rows) => (fault === null ? resolve(rows) : reject(fault)));
				}),
			// As mysql2 does with `gracefulEnd`.
			close: () => {
				connection._removeFromPool();
				connection._realEnd();
			},
			connection,
			destroy: () => connection.destroy(),
			errors,
			release: () => connection.release(),
			user: connection.config.user,
		};
	});
	return caller;
}
