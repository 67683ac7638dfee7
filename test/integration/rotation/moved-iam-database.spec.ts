/** A database that takes IAM logins moves: the connections that follow bring tokens that were signed for the new place. */
import type { ParameterSource } from "../../../src/connector/sources.js";
import { describeWith } from "../../support/describe-with.js";
import { type IamScene, startIamApplication, startIamScene } from "../../support/iam-gateway/iam-scene.js";
import { leadToLoopback } from "../../support/lead-to-loopback.js";
import { typeOrmVersionsFor } from "../../support/typeorm-versions.js";

const HOSTS = ["blue.abc123.eu-west-1.rds.amazonaws.com", "green.abc123.eu-west-1.rds.amazonaws.com"] as const;

/** Two databases with the same users. */
function describeMove(engine: "mariadb" | "postgres"): void {
	let blue: IamScene;
	let green: IamScene;
	const restore: (() => void)[] = [];

	beforeAll(async () => {
		restore.push(...HOSTS.map(leadToLoopback));
		[blue, green] = await Promise.all([
			startIamScene("rds-db", engine, { host: HOSTS[0], isDirect: true }),
			startIamScene("rds-db", engine, { host: HOSTS[1], isDirect: true }),
		]);
	});

	afterAll(async () => {
		await Promise.all([blue.stop(), green.stop()]);
		for (const undo of restore) undo();
	});

	it.each(typeOrmVersionsFor(engine))("with TypeORM $label", async (version) => {
		let place: IamScene = blue;
		const read = ({ path }: { path: string[] }): string | null => {
			const name = path.at(-1);
			return name === "host" || name === "port" ? String(place.config[name]) : null;
		};
		const parameters: ParameterSource = {
			get: read,
			getMany: async (lookups) => Promise.resolve(lookups.map((lookup) => read(lookup as never))),
		};
		const { host, port, ...config } = blue.config;
		const own = { tls: { ca: [blue.ssl.ca, green.ssl.ca] } };
		// The names themselves lead here, so there is no tunnel.
		const application = await startIamApplication({ ...blue, config }, version, own, { host, port }, parameters);
		const counts = (): number[] => [blue.gateway.desk.logins.length, green.gateway.desk.logins.length];
		const [, formerCount = 0] = counts();

		place = green;
		const result = await application.rotator.rotateDatabaseConnection();
		await Promise.all(Array.from({ length: 5 }, async () => application.dataSource.query("SELECT 1 AS one")));
		const [, count = 0] = counts();
		await application.stop();

		expect(result).toEqual({ generation: 2, outcome: "rotated", waitingServers: [] });
		expect(count).toBeGreaterThan(formerCount);
		expect([...blue.gateway.desk.refusals, ...green.gateway.desk.refusals]).toEqual([]);
	});
}

describe("PostgreSQL moves", () => {
	describeMove("postgres");
});

describeWith("mariadb")("MariaDB moves", () => {
	describeMove("mariadb");
});
