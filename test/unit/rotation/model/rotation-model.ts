/** Random work on a rotating pool, with the invariants that hold at every step and at the end. */
import * as fc from "fast-check";

import type { RotatorService } from "../../../../src/rotation/rotator.service.js";
import type { PgConnectCallback } from "../../../../src/drivers/pg-parts.js";
import { type FakePgPool, settle } from "../../../support/fake-postgres-driver.js";
import { type Loan, RotatorScene } from "../rotator-scene.js";

const POOL_SIZE = 3;

/** What may happen next. Numbers choose among loans, and milliseconds. */
export type Action =
	| { readonly type: "borrow" | "correct" | "cut" | "cutOne" | "destroy" | "release" | "rotate" | "spoil" }
	| { readonly durationMs: number; readonly type: "pass" };

/** Sequences in which callers borrow and wait most of the time. */
export const actions: fc.Arbitrary<Action[]> = fc.array(
	fc.oneof(
		{ arbitrary: fc.constant<Action>({ type: "borrow" }), weight: 8 },
		{ arbitrary: fc.constant<Action>({ type: "release" }), weight: 6 },
		{ arbitrary: fc.constantFrom(1, 30, 60, 200, 1_200).map((durationMs): Action => ({ durationMs, type: "pass" })), weight: 8 },
		{ arbitrary: fc.constantFrom<Action>({ type: "rotate" }, { type: "rotate" }, { type: "spoil" }, { type: "correct" }), weight: 4 },
		{ arbitrary: fc.constantFrom<Action>({ type: "destroy" }, { type: "cut" }, { type: "cutOne" }), weight: 2 },
	),
	{ maxLength: 40, minLength: 10 },
);

interface Caller {
	readonly callback: PgConnectCallback;
	isSettled: boolean;
}

/** Runs one sequence. @throws Error naming the invariant that does not hold. */
export async function runModel(sequence: readonly Action[], Rotator?: typeof RotatorService): Promise<void> {
	const scene = new RotatorScene({
		dataSource: { connectTimeoutMS: 0, poolSize: POOL_SIZE },
		...(Rotator === undefined ? {} : { Rotator }),
	});
	await scene.start();
	const { server } = scene;
	server.loginMs = 50;
	server.closeMs = 5;
	const callers: Caller[] = [];
	const loans: Loan[] = [];
	let version = 1;
	let failure: Error | undefined;
	const fail = (text: string): void => void (failure ??= new Error(text));

	const pool = scene.dataSource.driver.master as FakePgPool;
	const isQueued = ({ callback }: Caller): boolean => pool._pendingQueue.some((item) => item.callback === callback);

	const borrow = async (): Promise<void> => {
		const isIdle = pool.idleCount > pool.waitingCount;
		const caller: Caller = {
			callback: (error, client, release) => {
				caller.isSettled = true;
				if (error || client === undefined || release === undefined) return;
				const index = callers.indexOf(caller);
				if (callers.slice(0, index).some((earlier) => isQueued(earlier))) fail("a caller was served before one that waits longer");
				loans.push(scene.keep(client, release));
			},
			isSettled: false,
		};
		callers.push(caller);
		pool.connect(caller.callback);
		await settle();
		if (isIdle && !caller.isSettled) fail("a caller waits although a connection is idle");
	};

	const act: Record<Action["type"], (action: Action) => unknown> = {
		borrow,
		correct: () => (scene.connector.current = { password: server.passwords.get("app") }),
		cut: async () => scene.cutConnections(),
		cutOne: () => loans[0]?.client.connection.stream.destroy(),
		destroy: () => loans.shift()?.release(new Error("broken")),
		pass: async (action) => scene.pass("durationMs" in action ? action.durationMs : 0),
		release: () => loans.shift()?.release(),
		rotate: () => {
			scene.changePassword(`version-${String((version += 1))}`);
			void scene.rotator.rotateDatabaseConnection();
		},
		spoil: () => server.passwords.set("app", `version-${String((version += 1))}`),
	};

	try {
		for (const action of sequence) {
			await act[action.type](action);
			await settle();
			if (server.openMaximum > POOL_SIZE + 1) fail(`${String(server.openMaximum)} sockets are open`);
			if (
				callers.some(({ isSettled }) => !isSettled) &&
				scene.find("recovery.started").length > scene.find("recovery.finished").length
			)
				if (!scene.clock.isProcessKept) fail("the process may end while callers wait for credentials");
			if (failure !== undefined) throw failure;
		}
		// The end: the secret is right, and everything comes back.
		scene.connector.current = { password: server.passwords.get("app") };
		for (let turn = 0; turn < 120; turn += 1) {
			for (const loan of loans.splice(0)) loan.release();
			await scene.pass(turn < 60 ? 20 : 1_000);
		}
		void scene.rotator.rotateDatabaseConnection();
		await scene.pass(10_000);
		if (callers.some(({ isSettled }) => !isSettled)) fail("a caller is lost");
		if (!scene.rotator.describe().includes("inUse=0 older=0 waiting=0")) fail(`something is left: ${scene.rotator.describe()}`);
		if (server.openMaximum > POOL_SIZE + 1) fail(`${String(server.openMaximum)} sockets are open`);
		if (failure !== undefined) throw failure;
	} finally {
		await scene.stop();
	}
}
