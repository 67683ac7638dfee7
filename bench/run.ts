/** `npm run bench`: runs all benches, or those that are named (`npm run bench -- lookup exchange`), and prints their tables. */
import { Logger } from "@nestjs/common";

import { benchAcquireOverhead } from "./acquire-overhead.js";
import { EngineServers } from "./engine-servers.js";
import { benchExchange } from "./exchange.js";
import { benchLookup } from "./lookup.js";
import { benchRecovery } from "./recovery.js";
import { benchRotationBlock } from "./rotation-block.js";
import { type Result, printMachine, printResult } from "./table.js";

const BENCHES: Readonly<Record<string, (servers: EngineServers) => Promise<Result>>> = {
	"acquire-overhead": benchAcquireOverhead,
	exchange: benchExchange,
	lookup: benchLookup,
	recovery: benchRecovery,
	"rotation-block": benchRotationBlock,
};

async function run(names: readonly string[]): Promise<void> {
	const unknown = names.filter((name) => !(name in BENCHES));
	if (unknown.length > 0) throw new Error(`No such bench: ${unknown.join(", ")}. There are: ${Object.keys(BENCHES).join(", ")}.`);

	// Outages are part of the work; a bench that fails throws.
	Logger.overrideLogger(false);
	printMachine();
	const servers = new EngineServers();
	let missedCount = 0;
	try {
		for (const [name, bench] of Object.entries(BENCHES)) {
			if (names.length === 0 || names.includes(name)) missedCount += printResult(await bench(servers));
		}
	} finally {
		await servers.stop();
	}
	process.stdout.write(`\n${missedCount} goals missed\n`);
}

run(process.argv.slice(2)).catch((error: unknown) => {
	console.error(error);
	process.exitCode = 1;
});
