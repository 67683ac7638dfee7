/** What a query costs when nothing rotates: this library, plain TypeORM and the wrapper of AWS, each on a full pool of its own. */
import { createSceneDatabase, startSceneServers } from "../../test/support/rotating-database.js";
import { compare, findMedian, measureSides, measureTimes, type Times } from "../sides.js";
import { formatDuration, formatRatio, type Result, type Row } from "../table.js";
import { type Application, APPLICATIONS, POOL_SIZE, type Side, SIDE_TITLES } from "./applications.js";

const QUERY_COUNT = 600;
const ROUND_COUNT = 31;
const WORKER_COUNTS = [1, POOL_SIZE];

/** Runs the bench on PostgreSQL. */
export async function benchSteadyState(): Promise<Result> {
	const servers = await startSceneServers();
	try {
		const scene = await createSceneDatabase(servers);
		const place = { endpoint: servers.server, scene };
		const applications: Record<string, Application> = {};
		for (const side of ["plain", "library", "wrapper"] as const) applications[side] = await APPLICATIONS[side](place);
		const rows: Row[] = [];
		for (const workerCount of WORKER_COUNTS) {
			const turn = (side: Side) => async () => runQueries(applications[side] as Application, workerCount);
			const measured = await measureSides(
				{ library: turn("library"), plain: turn("plain"), wrapper: turn("wrapper") },
				{ roundCount: ROUND_COUNT },
			);
			for (const side of ["library", "wrapper"] as const) {
				for (const [name, field] of [
					["processor time", "processorMs"],
					["time", "elapsedMs"],
				] as const) {
					const read = (times: readonly Times[]): number[] => times.map((each) => each[field] / QUERY_COUNT);
					const [own, plain] = [read(measured[side]), read(measured.plain)];
					rows.push({
						figure: formatRatio(compare(own, plain)),
						note: `${formatDuration(findMedian(own))} against ${formatDuration(findMedian(plain))}`,
						what: `${SIDE_TITLES[side]}, ${workerCount} at a time, ${name}`,
					});
				}
			}
		}
		await Promise.all(Object.values(applications).map(async (application) => application.stop()));
		return {
			explanation: `SELECT 1 on PostgreSQL over loopback, ÷ plain TypeORM. The wrapper is used without TypeORM, with its plugin for Secrets Manager only.`,
			rows,
			title: "Steady state",
		};
	} finally {
		await servers.stop();
	}
}

async function runQueries(application: Application, workerCount: number): Promise<Times> {
	const work = async (): Promise<void> => {
		for (let turn = 0; turn < QUERY_COUNT / workerCount; turn += 1) await application.query("SELECT 1");
	};
	return measureTimes(async () => {
		await Promise.all(Array.from({ length: workerCount }, work));
	});
}
