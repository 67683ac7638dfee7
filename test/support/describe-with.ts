/** Specs that need a server which does not come with npm: on a machine that cannot have it they are skipped, and it is said why. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** Servers that are downloaded at their first use. */
export type DownloadedServer = "mariadb" | "mysql" | "pgbouncer";

/** No release exists for these systems: where they can be had today, they may be gone tomorrow. */
const OPTIONAL_SERVERS: readonly DownloadedServer[] = ["mysql"];

const answers = new Map<DownloadedServer, jest.Describe>();

/**
 * Returns `describe` where the server can be had, after it was downloaded if that is needed, and elsewhere `describe.skip`, with the
 * reason on the console. With `CI` set that is an error instead, but for MySQL, so that nothing goes unnoticed there.
 * @example
 * describeWith("mariadb")("a pool of MariaDB", () => { … });
 */
export function describeWith(server: DownloadedServer): jest.Describe {
	const known = answers.get(server);
	if (known !== undefined) return known;
	const reason = findReason(server);
	if (reason !== undefined) {
		if (process.env["CI"] !== undefined && !OPTIONAL_SERVERS.includes(server)) throw new Error(reason);
		console.warn(`Skipped, for want of ${server}. ${reason}`);
	}
	const answer = reason === undefined ? describe : describe.skip;
	answers.set(server, answer);
	return answer;
}

/** What is described has to be known at once, and a download takes its time: so it is waited for in another process. */
function findReason(server: DownloadedServer): string | undefined {
	const program = join(__dirname, "server", "install.ts");
	const { status, stderr } = spawnSync(process.execPath, ["scripts/run-ts.cjs", program, server], { encoding: "utf8" });
	if (status === 0) return undefined;
	if (status === 1) return stderr;
	throw new Error(`${server} could not be installed:\n${stderr}`);
}
