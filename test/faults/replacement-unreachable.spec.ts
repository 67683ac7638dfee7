/** The endpoint moves to a server that does not answer: twenty rotations fail, the live pool serves, and no socket of a failed rotation is left. */
import { describeEngines } from "../support/describe-engines.js";
import { startWatchedScene } from "../support/invariants.js";
import { createMovablePort } from "../support/movable-port.js";
import { outliveFault, QUICK_ROTATION } from "../support/outlive-fault.js";
import { type TcpProxy, startTcpProxy } from "../support/tcp-proxy.js";
import { waitUntil } from "../support/wait-until.js";

/** One rotation's, and those of the load that may have opened a connection meanwhile; twenty rotations would leave forty. */
const MAXIMUM_SOCKET_GROWTH = 12;

describeEngines("A replacement", {}, ({ getServers, version }) => {
	let proxy: TcpProxy;

	beforeEach(async () => {
		proxy = await startTcpProxy({ target: getServers().server });
	});

	it.each([
		{ begin: () => proxy.hold(), deadlines: { connectMs: 80 }, reason: "no answer within 80 ms", title: "is a black hole" },
		{ begin: async () => proxy.refuse(), deadlines: {}, reason: "ECONNREFUSED", title: "refuses" },
	])("may be one that $title for twenty rotations", async ({ begin, deadlines, reason }) => {
		const { move, parameterSource } = createMovablePort(getServers().aws, getServers().server.port);
		const scene = await startWatchedScene(getServers(), {
			config: { rotation: QUICK_ROTATION },
			parameterSource,
			rotatorOptions: { deadlines },
			version,
		});
		await begin();
		move(proxy.port);

		const { codes, messages, socketGrowth, stages } = await outliveFault(scene, async () => proxy.thaw());
		await waitUntil("the live pool alone is connected", () => proxy.openCount > 0 && proxy.openCount <= 5);

		expect(codes).toEqual(["ERR_CONNECTOR_STAGING_FAILED"]);
		expect(messages).toEqual([expect.stringContaining(reason)]);
		expect(socketGrowth).toBeLessThanOrEqual(MAXIMUM_SOCKET_GROWTH);
		expect(stages).toEqual(["stage"]);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("may fall silent after its login for twenty rotations", async () => {
		const { move, parameterSource } = createMovablePort(getServers().aws, getServers().server.port);
		let isSilent = true;
		const scene = await startWatchedScene(getServers(), {
			config: { rotation: QUICK_ROTATION },
			onPoolCreated: (counted) => {
				if (counted.port !== proxy.port || !isSilent) return;
				void proxy.thaw();
				counted.onceConnected(() => {
					if (isSilent) proxy.freeze();
				});
			},
			parameterSource,
			rotatorOptions: { deadlines: { verifyMs: 80 } },
			version,
		});
		move(proxy.port);

		const { codes, messages, socketGrowth, stages } = await outliveFault(scene, async () => {
			isSilent = false;
			await proxy.thaw();
		});

		expect(codes).toEqual(["ERR_CONNECTOR_STAGING_FAILED"]);
		expect(messages).toEqual([expect.stringContaining("no answer within 80 ms")]);
		expect(socketGrowth).toBeLessThanOrEqual(MAXIMUM_SOCKET_GROWTH);
		expect(stages).toEqual(["verify"]);
		expect(await scene.findViolations()).toEqual([]);
	});
});
