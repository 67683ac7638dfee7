/** `npm run bench`: runs all benches, or those that are named (`npm run bench -- lookup rotation-block`), and prints their tables. */
import { Logger } from "@nestjs/common";

import { startSceneServers } from "../test/support/rotating-database.js";
import { benchAcquireOverhead } from "./acquire-overhead.js";
import { benchLookup } from "./lookup.js";
import { benchRotationBlock } from "./rotation-block.js";
import { benchRotationLatency } from "./rotation-latency.js";
import { printMachine, printResult } from "./table.js";

const BENCHES = {
	"acquire-overhead": benchAcquireOverhead,
	lookup: benchLookup,
	"rotation-block": benchRotationBlock,
	"rotation-latency": benchRotationLatency,
};

async function run(names: readonly string[]): Promise<void> {
	const unknown = names.filter((name) => !(name in BENCHES));
	if (unknown.length > 0) throw new Error(`No such bench: ${unknown.join(", ")}. There are: ${Object.keys(BENCHES).join(", ")}.`);

	Logger.overrideLogger(["error", "warn"]);
	printMachine();
	const servers = await startSceneServers();
	try {
		for (const [name, bench] of Object.entries(BENCHES)) {
			if (names.length === 0 || names.includes(name)) printResult(await bench(servers));
		}
	} finally {
		await servers.stop();
	}
}

run(process.argv.slice(2)).catch((error: unknown) => {
	console.error(error);
	process.exitCode = 1;
});
