/** The cells of the soak: what is rotated how, on which servers and TypeORM, and what a cell reports. */
import type { EngineName } from "../support/server/database-server.js";
import type { Endpoint } from "../support/tcp-proxy.js";
import { TYPEORM_VERSIONS } from "../support/typeorm-versions.js";

/** A server alone, or one with a replica. */
export type Topology = "replica" | "single";

/** Every engine that can be rotated on. */
export const ENGINES: readonly EngineName[] = ["postgres", "mariadb", "mysql"];

/** No release exists for the systems that the tests run on, so a missing server is no fault. */
export const OPTIONAL_ENGINES: readonly EngineName[] = ["mysql"];

/** Every topology. */
export const TOPOLOGIES: readonly Topology[] = ["single", "replica"];

/** One way to rotate on one TypeORM. */
export interface SoakCell {
	readonly engine: EngineName;
	/** Names all of the others. */
	readonly id: string;
	readonly rotationCount: number;
	readonly strategy: "alternating" | "single-user";
	readonly topology: Topology;
	readonly typeorm: string;
	/** For how long the database is ahead of AWSCURRENT. */
	readonly windowMs: number;
}

/** What the process of a cell is told at its start. Passwords are not in it: they come from the secret. */
export interface SoakSetup {
	readonly awsUrl: string;
	readonly cell: SoakCell;
	readonly database: string;
	readonly host: string;
	readonly poolSize: number;
	readonly port: number;
	readonly replica: Endpoint | undefined;
	readonly secretId: string;
}

/** What the process of a cell found. */
export interface SoakReport {
	readonly acknowledgedCount: number;
	readonly failedCount: number;
	readonly firstFailure: string | undefined;
	/** Bytes by which the heap grows with a rotation, from a line through samples after a garbage collection; the first fifth is left out. */
	readonly heapSlopeBytes: number;
	readonly leftovers: readonly string[];
	readonly operationCount: number;
	/** What keeps a retired password alive, from the string to the root. */
	readonly retainers: readonly string[];
	/** Passwords of earlier versions found in a snapshot of the heap. */
	readonly retiredSecretCount: number;
	/** Kept where a retired password was found. */
	readonly snapshotFile: string | undefined;
	readonly storedCount: number;
	readonly unknownCount: number;
}

/** Connections of each cell's pool. */
export const POOL_SIZE = 5;

/** Marks the passwords of a cell, so that they can be found in its heap. */
export function formatPassword(cellId: string, version: number): string {
	return `canary-${cellId}-${String(version)}-password`;
}

/**
 * Two strategies and three windows on the latest 0.3 and 1.x, on each engine and topology. A window of seconds takes its time, so it gets a tenth of the
 * rotations; these cells come first.
 */
export function listCells(rotationCount: number): SoakCell[] {
	const shortCount = Math.max(2, Math.ceil(rotationCount / 10));
	const ways = [
		{ rotationCount: shortCount, strategy: "single-user", windowMs: 3_000 },
		{ rotationCount, strategy: "single-user", windowMs: 10 },
		{ rotationCount, strategy: "alternating", windowMs: 0 },
	] as const;
	const versions = TYPEORM_VERSIONS.filter(({ label }) => label !== "0.3.20");
	return ways.flatMap((way) =>
		ENGINES.flatMap((engine) =>
			TOPOLOGIES.filter((topology) => topology === "single" || engine !== "mysql").flatMap((topology) =>
				versions.map(({ label: typeorm }) => {
					const id = [engine, topology, way.strategy, `${String(way.windowMs)}ms`, typeorm].join("-");
					return { ...way, engine, id, topology, typeorm };
				}),
			),
		),
	);
}
