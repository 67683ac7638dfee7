/** `npm run bench:peers`: this library beside others in one run; names choose some benches, as in `npm run bench:peers -- runtime-secrets`. */
import { Logger } from "@nestjs/common";

import { type Result, printMachine, printResult } from "../table.js";
import { benchDsqlLogins } from "./dsql-logins.js";
import { benchRotation } from "./rotation.js";
import { benchRuntimeSecrets } from "./runtime-secrets.js";
import { benchSteadyState } from "./steady-state.js";

const BENCHES: Readonly<Record<string, () => Promise<Result>>> = {
	"dsql-logins": benchDsqlLogins,
	rotation: benchRotation,
	"runtime-secrets": benchRuntimeSecrets,
	"steady-state": benchSteadyState,
};

async function run(): Promise<void> {
	const names = process.argv.slice(2);
	const unknown = names.filter((name) => !(name in BENCHES));
	if (unknown.length > 0) throw new Error(`No such bench: ${unknown.join(", ")}. There are: ${Object.keys(BENCHES).join(", ")}.`);
	Logger.overrideLogger(false);
	printMachine();
	for (const [name, bench] of Object.entries(BENCHES)) {
		if (names.length === 0 || names.includes(name)) printResult(await bench());
	}
}

run().catch((error: unknown) => {
	console.error(error);
	process.exitCode = 1;
});
