/** A pool is asked over a connection that is idle, without growing; and no object of the room shows a password. */
import { inspect } from "node:util";

import { NEVER_MS } from "../../support/fake-postgres-server.js";
import { makeCanary, findSecrets } from "../../support/secret-search.js";
import { stageExchange } from "./exchange-scene.js";
import { callAll, lend, pass, promote, warm } from "./pool-scene.js";
import { POOLS } from "./pools.js";

const DEADLINE_MS = 2_000;

describe.each(POOLS)("A question to an idle connection of $label", ({ create }) => {
	it("is answered, and the connection is idle again", async () => {
		const scene = create();
		await warm(scene, 1);

		const answer = await scene.live.probeIdle(DEADLINE_MS);

		expect(answer).toMatchObject({ isReadOnly: false });
		expect(scene.server.statements[0]).toBe("SELECT 1");
		expect(scene.live.counts).toMatchObject({ idle: 1, total: 1 });
		expect(scene.clock.pendingCount).toBe(0);
	});

	it("opens no connection: there is none, all are in use, the last was just taken, callers wait, or the pool ends", async () => {
		const scene = create();
		await expect(scene.live.probeIdle(DEADLINE_MS)).resolves.toBeUndefined();
		const loans = await lend(scene, 2);
		await expect(scene.live.probeIdle(DEADLINE_MS)).resolves.toBeUndefined();
		loans[0]?.release();
		scene.call();
		await expect(scene.live.probeIdle(DEADLINE_MS)).resolves.toBeUndefined();
		await callAll(scene, 1);
		await expect(scene.live.probeIdle(DEADLINE_MS)).resolves.toBeUndefined();
		loans[1]?.release();
		void scene.end();
		await expect(scene.live.probeIdle(DEADLINE_MS)).resolves.toBeUndefined();

		expect(scene.server.acceptedCount).toBe(2);
	});

	it("ends at its deadline, not before, and destroys the silent connection", async () => {
		const scene = create();
		await warm(scene, 1);
		Object.assign(scene.server, { answerMs: NEVER_MS, closeMs: NEVER_MS });
		const failed = jest.fn();
		scene.live.probeIdle(DEADLINE_MS).catch(failed);
		await pass(scene, DEADLINE_MS - 1);
		expect(failed).not.toHaveBeenCalled();

		await pass(scene, 1);
		await scene.settle();

		expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: "ERR_CONNECTOR_TIMEOUT" }));
		expect(scene.server.openCount).toBe(0);
		expect(scene.live.counts.total).toBe(0);
	});

	it("passes on that the connection was lost while it was asked, and the process survives", async () => {
		const scene = create();
		await warm(scene, 1);
		scene.server.answerMs = NEVER_MS;
		const failed = jest.fn();
		scene.live.probeIdle(DEADLINE_MS).catch(failed);
		await scene.settle();

		scene.server.cutConnections();
		await scene.settle();

		expect(failed).toHaveBeenCalledTimes(1);
		expect(scene.live.counts.total).toBe(0);
	});
});

describe.each(POOLS)("Printing a pool of $label", (maker) => {
	it("shows no password, in whatever state pool and exchange are", async () => {
		const password = makeCanary("password");
		const { exchange, scene, start } = stageExchange(maker, { budgetMs: 5_000, driver: { password }, limit: 2 });
		scene.server.passwords.set("user1", password);
		const loans = await lend(scene, 2);
		scene.call();
		const fields = scene.makeFields({ password: makeCanary("next"), user: "user2" });
		const held = scene.live.promote(fields);
		start();
		loans[0]?.release();
		await scene.settle();

		for (const shown of [scene.live, exchange, held]) {
			expect(findSecrets(shown)).toEqual([]);
			expect(inspect(shown, { depth: 20, showHidden: true })).not.toContain(password);
		}
		promote(scene);
		exchange.stop();
	});
});
