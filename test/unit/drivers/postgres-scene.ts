/** A pool of pg-pool's own code above a server in memory. */
import type { LoginGate } from "../../../src/drivers/login-gate.js";
import { readPgFields } from "../../../src/drivers/pg-parts.js";
import { PostgresPool } from "../../../src/drivers/postgres-pool.js";
import type { LivePool } from "../../../src/drivers/live-pool.js";
import { FakeClock } from "../../support/fake-clock.js";
import { createFakePg, type FakePgPool, settle } from "../../support/fake-postgres-driver.js";
import { type FakePostgresClient, FakePostgresServer } from "../../support/fake-postgres-server.js";
import { type Caller, type Loan, loginOf, PASSWORDS, type PoolScene, type SceneOptions, StubGate } from "./pool-scene.js";

/** A scene of pg. */
export type PostgresScene<Gate extends LoginGate = StubGate> = PoolScene<Gate, FakePgPool> & {
	readonly elsewhere: FakePostgresServer;
	readonly server: FakePostgresServer;
};

/** Makes a scene. */
export function createPostgresScene<Gate extends LoginGate = StubGate>({
	budgetMs = 0,
	createGate = (gateClock) => new StubGate(gateClock) as unknown as Gate,
	driver = {},
	limit = 2,
}: SceneOptions<Gate> = {}): PostgresScene<Gate> {
	const clock = new FakeClock();
	const servers = { db: new FakePostgresServer(clock, PASSWORDS), elsewhere: new FakePostgresServer(clock, PASSWORDS) };
	const { Pool } = createFakePg(clock, servers);
	const options = { connectionTimeoutMillis: budgetMs, host: "db", idleTimeoutMillis: 0, max: limit, ...loginOf(1), ...driver };
	const createRaw = (): FakePgPool => {
		const pool = new Pool(options);
		// As TypeORM does.
		pool.on("error", () => undefined);
		return pool;
	};
	const raw = createRaw();
	const gate = createGate(clock, () => live.wake());
	const live = new PostgresPool(raw, { clock, gate });
	return {
		call: () => callPool(raw),
		clock,
		createRaw,
		elsewhere: servers.elsewhere,
		end: async () => raw.end(),
		gate,
		live: live as unknown as LivePool,
		makeFields: (login) => readPgFields(new Pool({ ...options, ...login })),
		raw,
		server: servers.db,
		settle,
	};
}

function callPool(pool: FakePgPool): Caller {
	const caller: { error: unknown; isAnswered: boolean; loan: Loan | undefined } = {
		error: undefined,
		isAnswered: false,
		loan: undefined,
	};
	pool.connect((error, lent, release) => {
		if (caller.isAnswered) throw new Error("The caller was answered twice");
		caller.isAnswered = true;
		caller.error = error ?? undefined;
		if (error || lent === undefined || release === undefined) return;
		const client = lent as unknown as FakePostgresClient;
		const errors: Error[] = [];
		const note = (fault: Error): void => void errors.push(fault);
		client.on("error", note);
		const giveBack = (isBroken: boolean): void => {
			lent.off("error", note);
			release(isBroken);
		};
		caller.loan = {
			ask: (text) => client.query(text),
			close: () => giveBack(true),
			connection: client,
			destroy: () => giveBack(true),
			errors,
			release: () => giveBack(false),
			user: String(client.login.user),
		};
	});
	return caller;
}
