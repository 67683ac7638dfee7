/** The cells of the soak: what is rotated how, on which TypeORM, and what a cell reports. */
import { TYPEORM_VERSIONS } from "../support/typeorm-versions.js";

/** One way to rotate on one TypeORM. */
export interface SoakCell {
	readonly id: string;
	readonly rotationCount: number;
	readonly strategy: "alternating" | "single-user";
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
	/** Most sockets to the database that were open at once. */
	readonly peakSocketCount: number;
	/** Passwords of earlier versions found in a snapshot of the heap. */
	readonly retiredSecretCount: number;
	readonly storedCount: number;
	readonly unknownCount: number;
}

/** Connections of each cell's pool. */
export const POOL_SIZE = 5;

/** Marks the passwords of a cell, so that they can be found in its heap. */
export function formatPassword(cellId: string, version: number): string {
	return `canary-${cellId}-${String(version)}-password`;
}

/** Two strategies and three windows on the latest 0.3 and 1.x. A window of seconds takes its time, so it gets a tenth of the rotations. */
export function listCells(rotationCount: number): SoakCell[] {
	const versions = TYPEORM_VERSIONS.filter(({ label }) => label !== "0.3.20");
	return versions.flatMap(({ label }) => {
		const id = label.replaceAll(".", "x");
		return [
			{ id: `alt${id}`, rotationCount, strategy: "alternating", typeorm: label, windowMs: 0 },
			{ id: `s10${id}`, rotationCount, strategy: "single-user", typeorm: label, windowMs: 10 },
			{
				id: `s3k${id}`,
				rotationCount: Math.max(2, Math.ceil(rotationCount / 10)),
				strategy: "single-user",
				typeorm: label,
				windowMs: 3_000,
			},
		] satisfies SoakCell[];
	});
}
