/** The search that tells whether a retired password is still in the heap. */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import path from "node:path";

import type { HeapSearch } from "./heap-search.js";

describe("a search of the heap", () => {
	it("finds a password that is kept, says what keeps it, and keeps the snapshot", () => {
		const program = path.join(__dirname, "retain-password.ts");
		const { stderr, stdout } = spawnSync(process.execPath, ["--expose-gc", "scripts/run-ts.cjs", program], { encoding: "utf8" });
		expect(stderr).toBe("");
		const { foundCount, retainers, snapshotFile = "" } = JSON.parse(stdout) as HeapSearch;
		const isKept = existsSync(snapshotFile);
		rmSync(path.dirname(snapshotFile), { force: true, recursive: true });

		expect(foundCount).toBe(1);
		expect(retainers).toContain("object CredentialCache, entries");
		expect(isKept).toBe(true);
	}, 60_000);
});
