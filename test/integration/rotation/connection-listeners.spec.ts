/** Session settings that an application puts on each connection from a listener of the pool, as on pg and mysql2 alone. */
import type { EventEmitter } from "node:events";

import type { DataSource } from "typeorm";

import { describeEngines } from "../../support/describe-engines.js";
import { askConnections, fillPool } from "../../support/held-connections.js";
import { listPools } from "../../support/live-pools.js";
import type { EngineName } from "../../support/server/database-server.js";
import { waitUntil } from "../../support/wait-until.js";

const POOL_SIZE = 4;

interface Setting {
	readonly answer: string;
	readonly ask: string;
	readonly set: string;
	readonly title: string;
}

const MYSQL_SETTINGS: readonly Setting[] = [
	{ answer: "+09:00", ask: "SELECT @@time_zone AS answer", set: "SET time_zone = '+09:00'", title: "time_zone" },
	{ answer: "ANSI_QUOTES", ask: "SELECT @@sql_mode AS answer", set: "SET sql_mode = 'ANSI_QUOTES'", title: "sql_mode" },
];

const SETTINGS: Readonly<Record<EngineName, readonly Setting[]>> = {
	mariadb: MYSQL_SETTINGS,
	mysql: MYSQL_SETTINGS,
	postgres: [
		{ answer: "tenant_a", ask: showSetting("search_path"), set: "SET search_path TO tenant_a", title: "search_path" },
		{ answer: "acme", ask: showSetting("app.tenant"), set: "SET app.tenant TO 'acme'", title: "a setting of the application" },
		{ answer: "Asia/Tokyo", ask: showSetting("TimeZone"), set: "SET TimeZone TO 'Asia/Tokyo'", title: "TimeZone" },
	],
};

/** A session that lacks the setting answers null. */
function showSetting(name: string): string {
	return `SELECT current_setting('${name}', true) AS answer`;
}

/** Runs a statement on each connection that a pool opens, before any caller has it. */
function setOnEachConnection(dataSource: DataSource, sql: string): void {
	const listener = (connection: { query(text: string, callback: (error: unknown) => void): unknown }): void => {
		connection.query(sql, () => undefined);
	};
	for (const pool of listPools(dataSource)) (pool as EventEmitter).on("totalCount" in pool ? "connect" : "connection", listener);
}

describeEngines("A listener for new connections", {}, ({ engine, start }) => {
	it.each(SETTINGS[engine])("puts $title on every connection, whatever rotations come", async ({ answer, ask, set }) => {
		const scene = await start({ config: { poolSize: POOL_SIZE } });
		await fillPool(scene.dataSource, POOL_SIZE);
		setOnEachConnection(scene.dataSource, set);
		// Connections from before the listener are gone afterwards.
		await scene.exchange();
		let isExchanging = true;
		const seenMeanwhile: unknown[] = [];
		const asking = (async () => {
			while (isExchanging) seenMeanwhile.push(...(await askConnections(scene.dataSource, ask, 2)));
		})();

		for (let rotation = 0; rotation < 3; rotation += 1) await scene.exchange();
		isExchanging = false;
		await asking;
		const seen = await askConnections(scene.dataSource, ask, POOL_SIZE);

		expect(new Set(seenMeanwhile)).toEqual(new Set([answer]));
		expect(seen).toEqual(Array.from({ length: POOL_SIZE }, () => answer));
	});
});

describeEngines("A listener that sets the role of the owner", { engines: ["postgres"] }, ({ start }) => {
	it("lets each of two alternating users read and change what the other one has made", async () => {
		const scene = await start({ config: { poolSize: POOL_SIZE } });
		const owner = `owner_of_${scene.database}`;
		await scene.server.createRole(owner, "unused", { databases: [scene.database] });
		for (const user of scene.users) await scene.server.admin.query(`GRANT ${owner} TO ${user}`);
		setOnEachConnection(scene.dataSource, `SET ROLE ${owner}`);

		for (let rotation = 0; rotation < 3; rotation += 1) {
			await scene.exchange();
			await scene.dataSource.query(`CREATE TABLE made_in_${String(rotation)} (id int)`);
			for (let earlier = 0; earlier <= rotation; earlier += 1)
				await scene.dataSource.query(`ALTER TABLE made_in_${String(earlier)} ADD COLUMN added_in_${String(rotation)} int`);
		}
		const users = await askConnections(scene.dataSource, "SELECT current_user || ' ' || session_user AS answer", POOL_SIZE);

		expect(users).toEqual(users.map(() => `${owner} ${scene.users[1]}`));
	});
});

describeEngines("A listener for new connections of a replica", { hasReplica: true }, ({ engine, start }) => {
	it("puts its setting on every connection", async () => {
		const { answer, ask, set } = SETTINGS[engine].at(-1) as Setting;
		const scene = await start({ config: { poolSize: POOL_SIZE } });
		await scene.replica?.catchUp();
		setOnEachConnection(scene.dataSource, set);

		for (let rotation = 0; rotation < 2; rotation += 1) {
			await scene.exchange();
			for (const mode of ["master", "slave"] as const) await scene.waitForUser(scene.current().username, mode);
			await waitUntil("every connection is exchanged", () => scene.rotator.describe().includes("older=0"));
		}
		const seen = await askConnections(scene.dataSource, ask, POOL_SIZE, "slave");

		expect(seen).toEqual(seen.map(() => answer));
	});
});
