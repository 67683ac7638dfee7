/** Starts a MariaDB, prints where it is, and waits to be killed (`wait`) or ends without stopping it (`forget`). */
import { startMariadb } from "./mariadb-server.js";

void startMariadb().then(async (server) => {
	const { rows } = await server.admin.query<{ data: string }>("SELECT @@datadir AS data");
	console.log(JSON.stringify({ data: rows[0]?.data, port: server.port }));
	if (process.argv[2] === "wait") setInterval(() => undefined, 60_000);
});
