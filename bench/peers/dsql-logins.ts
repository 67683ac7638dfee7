/** Aurora DSQL: what a login and a query cost with this library and with the connector of awslabs, through a gateway that checks tokens. */
import { Socket } from "node:net";

import { APPLICATION_KEY, DSQL_HOST, type IamScene, startIamApplication, startIamScene } from "../../test/support/iam-gateway/iam-scene.js";
import { VERSIONS } from "../engine-servers.js";
import { compare, findMedian, measureSides, measureTimes, subtract, type Times } from "../sides.js";
import { formatDuration, formatRatio, formatSpread, type Result, type Row } from "../table.js";
import type { TypeOrmVersion } from "../../test/support/typeorm-versions.js";
import { loadPeer } from "./load-peer.js";

const POOL_SIZE = 5;
const LOGIN_COUNT = 40;
const QUERY_COUNT = 400;
const ROUND_COUNT = 21;

interface Database {
	query(sql: string): Promise<unknown>;
	stop(): Promise<void>;
}

interface Connector {
	readonly AuroraDSQLPool: new (config: object) => { end(): Promise<void>; query(sql: string): Promise<unknown> };
}

/** Runs the bench. */
export async function benchDsqlLogins(): Promise<Result> {
	const scene = await startIamScene("dsql");
	try {
		const rows: Row[] = [];
		for (const [what, count, extra] of [
			["login and SELECT 1", LOGIN_COUNT, { maxUses: 1 }],
			["SELECT 1, connections open", QUERY_COUNT, {}],
		] as const) {
			const ours = await openOurs(scene, extra);
			const peer = openPeer(scene, extra);
			const turn = (database: Database) => async () => runQueries(database, count);
			const measured = await measureSides({ ours: turn(ours), peer: turn(peer) }, { roundCount: ROUND_COUNT });
			await Promise.all([ours.stop(), peer.stop()]);
			for (const [name, field] of [
				["processor time", "processorMs"],
				["time", "elapsedMs"],
			] as const) {
				const read = (times: readonly Times[]): number[] => times.map((each) => each[field] / count);
				const [own, other] = [read(measured.ours), read(measured.peer)];
				rows.push({
					figure: formatRatio(compare(own, other)),
					note: `${formatDuration(findMedian(own))} against ${formatDuration(findMedian(other))}; difference ${formatSpread(subtract(own, other))}`,
					what: `${what}, ${name}`,
				});
			}
		}
		return {
			explanation:
				"This library with TypeORM ÷ @aws/aurora-dsql-node-postgres-connector without. The process also holds the gateway: a part of the time of a login is its.",
			rows,
			title: "Aurora DSQL",
		};
	} finally {
		await scene.stop();
	}
}

async function openOurs(scene: IamScene, extra: object): Promise<Database> {
	const { dataSource, stop } = await startIamApplication(scene, VERSIONS.at(-1) as TypeOrmVersion, { poolSize: POOL_SIZE }, { extra });
	return { query: async (sql) => dataSource.query(sql), stop };
}

function openPeer({ config, ssl, tunnel }: IamScene, extra: object): Database {
	const { AuroraDSQLPool } = loadPeer<Connector>("@aws/aurora-dsql-node-postgres-connector");
	const pool = new AuroraDSQLPool({
		customCredentialsProvider: APPLICATION_KEY,
		database: config.databaseName,
		host: DSQL_HOST,
		max: POOL_SIZE,
		ssl,
		// Its tokens are for the host's name, and the gateway is on loopback.
		stream: () => leadTo(tunnel),
		...extra,
	});
	return { query: async (sql) => pool.query(sql), stop: async () => pool.end() };
}

/** A socket that connects to the gateway, whatever it is told. */
function leadTo({ host, port }: IamScene["tunnel"]): Socket {
	const socket = new Socket();
	const connect = socket.connect.bind(socket) as (port: number, host: string) => Socket;
	socket.connect = () => connect(port, host);
	return socket;
}

async function runQueries(database: Database, count: number): Promise<Times> {
	return measureTimes(async () => {
		for (let turn = 0; turn < count; turn += 1) await database.query("SELECT 1");
	});
}
