/**
 * `npm run bench`: runs all benches, or those that are named (`npm run bench -- lookup exchange`), and prints their tables.
 * `--engine mariadb` leaves out the other engine.
 */
import { parseArgs } from "node:util";

import { Logger } from "@nestjs/common";

import { benchAcquireOverhead } from "./acquire-overhead.js";
import type { EngineName } from "../test/support/server/database-server.js";
import { ENGINES, EngineServers } from "./engine-servers.js";
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

async function run(): Promise<void> {
	const { positionals: names, values } = parseArgs({ allowPositionals: true, options: { engine: { type: "string" } } });
	const unknown = names.filter((name) => !(name in BENCHES));
	if (unknown.length > 0) throw new Error(`No such bench: ${unknown.join(", ")}. There are: ${Object.keys(BENCHES).join(", ")}.`);

	// Outages are part of the work; a bench that fails throws.
	Logger.overrideLogger(false);
	printMachine();
	const servers = new EngineServers(chooseEngines(values.engine));
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

function chooseEngines(name: string | undefined): readonly EngineName[] {
	const chosen = ENGINES.filter((engine) => engine === (name ?? engine));
	if (chosen.length === 0) throw new Error(`--engine needs one of ${ENGINES.join(", ")}`);
	return chosen;
}

run().catch((error: unknown) => {
	console.error(error);
	process.exitCode = 1;
});
