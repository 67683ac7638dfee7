/** How long a rotation keeps everybody else waiting: the longest time in which the event loop did nothing else, with few entities and with many. */
import { setTimeout as sleep } from "node:timers/promises";

import type { DataSource, DataSourceOptions, EntitySchema } from "typeorm";

import { RotatorService, TypeOrmAwsConnectorService } from "../src/index.js";
import { createSceneDatabase, type SceneDatabase, type SceneServers } from "../test/support/rotating-database.js";
import type { DatabaseServer } from "../test/support/server/database-server.js";
import type { TypeOrmVersion } from "../test/support/typeorm-versions.js";
import { type EngineServers, VERSIONS } from "./engine-servers.js";
import { compare, findMedian, measureSides } from "./sides.js";
import { formatDuration, formatRatio, type Result, type Row } from "./table.js";

const FEW = 10;
const MANY = 1_000;
const COLUMN_COUNT = 15;
const ROUND_COUNT = 11;
/** Some milliseconds are easily disturbed, so a turn is the median of several rotations. */
const ROTATIONS_PER_TURN = 5;
const SETTLE_MS = 100;

/** Runs the bench on the latest TypeORM of both major lines. */
export async function benchRotationBlock(servers: EngineServers): Promise<Result> {
	const rows: Row[] = [];
	const postgres = await servers.get("postgres");
	for (const version of VERSIONS) rows.push(...(await benchVersion(postgres, version)));
	return {
		explanation: `Longest block of the event loop. "Rebuild" is a rotation that initializes a second DataSource. ${String(COLUMN_COUNT)} columns an entity.`,
		rows,
		title: "Blocking of the event loop",
	};
}

async function benchVersion(servers: SceneServers<DatabaseServer>, version: TypeOrmVersion): Promise<Row[]> {
	const few = await createSubject(servers, version, FEW);
	const many = await createSubject(servers, version, MANY);
	const measured = await measureSides(
		{ rotateFew: few.rotate, rebuildFew: few.rebuild, rotateMany: many.rotate, rebuildMany: many.rebuild },
		{ roundCount: ROUND_COUNT },
	);
	await Promise.all([few.stop(), many.stop()]);

	type Side = keyof typeof measured;
	const createRow = (what: string, side: Side, baseline: Side): Row => ({
		note: `${formatDuration(findMedian(measured[side]))} against ${formatDuration(findMedian(measured[baseline]))}`,
		figure: formatRatio(compare(measured[side], measured[baseline])),
		what: `${version.label}, ${what}`,
	});
	return [
		createRow(`rotation: ${String(MANY)} entities ÷ ${String(FEW)}`, "rotateMany", "rotateFew"),
		createRow(`rebuild: ${String(MANY)} entities ÷ ${String(FEW)}`, "rebuildMany", "rebuildFew"),
		createRow(`${String(FEW)} entities: rebuild ÷ rotation`, "rebuildFew", "rotateFew"),
		createRow(`${String(MANY)} entities: rebuild ÷ rotation`, "rebuildMany", "rotateMany"),
	];
}

interface Subject {
	rebuild(): Promise<number>;
	rotate(): Promise<number>;
	stop(): Promise<void>;
}

/** A DataSource with so many entities, and both ways to rotate it. */
async function createSubject(servers: SceneServers<DatabaseServer>, version: TypeOrmVersion, entityCount: number): Promise<Subject> {
	const scene = await createSceneDatabase(servers);
	const connector = new TypeOrmAwsConnectorService(undefined, undefined, {
		...scene.config,
		entities: createEntities(version, entityCount),
	});
	const { DataSource } = version.load();
	const dataSource = await new DataSource(await connector.getTypeOrmOptions()).initialize();
	const rotator = new RotatorService(dataSource, undefined, connector, `bench-${scene.database}`);
	await rotator.onModuleInit();

	return {
		rebuild: async () => {
			let replacement: DataSource | undefined;
			const blockMs = await measureRotation(scene, async () => {
				const merged = { ...dataSource.options, ...(await connector.getTypeOrmOptions()) } as DataSourceOptions;
				replacement = await new DataSource(merged).initialize();
				await replacement.query("SELECT 1");
			});
			await replacement?.destroy();
			return blockMs;
		},
		rotate: async () => {
			const blocksMs: number[] = [];
			for (let rotation = 0; rotation < ROTATIONS_PER_TURN; rotation += 1) {
				blocksMs.push(
					await measureRotation(scene, async () => {
						const { outcome } = await rotator.rotateDatabaseConnection();
						if (outcome !== "rotated") throw new Error(`The rotation ended as "${outcome}"`);
					}),
				);
			}
			return findMedian(blocksMs);
		},
		stop: async () => {
			await rotator.onModuleDestroy();
			await rotator.onApplicationShutdown();
			connector.close();
			await dataSource.destroy();
		},
	};
}

function createEntities(version: TypeOrmVersion, entityCount: number): EntitySchema[] {
	const typeOrm = version.load();
	const texts = Array.from(
		{ length: COLUMN_COUNT - 1 },
		(_, index) => [`column${String(index)}`, { nullable: true, type: "text" }] as const,
	);
	return Array.from(
		{ length: entityCount },
		(_, index) =>
			new typeOrm.EntitySchema({
				columns: { id: { generated: true, primary: true, type: "int" }, ...Object.fromEntries(texts) },
				name: `Entity${String(index)}`,
			}),
	);
}

async function measureRotation(scene: SceneDatabase<DatabaseServer>, rotate: () => Promise<void>): Promise<number> {
	await scene.alternate();
	// The collector clears away what an earlier turn left. It is not forced to: that would throw away compiled code as well.
	await sleep(SETTLE_MS);
	let longestMs = 0;
	let isOver = false;
	let turnedAtMs = performance.now();
	const turn = (): void => {
		const nowMs = performance.now();
		longestMs = Math.max(longestMs, nowMs - turnedAtMs);
		turnedAtMs = nowMs;
		if (!isOver) setImmediate(turn);
	};
	setImmediate(turn);
	await rotate();
	await new Promise((resolve) => setImmediate(resolve));
	isOver = true;
	return longestMs;
}
