/** A data directory that cannot be made: Ctrl-C at a bad moment, a full disk. */
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCluster } from "./cluster.js";

it("leaves no files when a data directory cannot be copied", async () => {
	const cacheFolder = await mkdtemp(join(tmpdir(), "cluster-spec-"));
	await chmod(cacheFolder, 0o755);
	// A program that ends well and makes nothing, so that there is nothing to copy.
	const engine = { cacheFolder, initdb: "true", postgres: "true", user: undefined };

	const failed = createCluster(engine, {});

	await expect(failed).rejects.toThrow(/cp/);
	const parents = (await readdir(cacheFolder)).filter((name) => name.startsWith("servers-"));
	expect(parents).toHaveLength(1);
	expect(await readdir(join(cacheFolder, parents[0] as string))).toEqual([]);
	await rm(cacheFolder, { recursive: true });
});
