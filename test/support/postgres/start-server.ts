/** Starts a server, prints where it is, and waits to be killed (`wait`) or ends without stopping it (`forget`). */
import { startPostgres } from "./postgres-server.js";

void startPostgres().then(async (server) => {
	const { rows } = await server.admin.query("SHOW data_directory");
	console.log(JSON.stringify({ data: rows[0]?.["data_directory"], port: server.port }));
	if (process.argv[2] === "wait") setInterval(() => undefined, 60_000);
});
