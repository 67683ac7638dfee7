/** Each server of a DataSource gets tokens that were signed for it, the replica as well as the master. */
import { describeWith } from "../../support/describe-with.js";
import { type IamApplication, type IamScene, startIamApplication, startIamScene } from "../../support/iam-gateway/iam-scene.js";
import { leadToLoopback } from "../../support/lead-to-loopback.js";
import { typeOrmVersionsFor } from "../../support/typeorm-versions.js";

const WRITER = "shop.cluster-abc123.eu-west-1.rds.amazonaws.com";
const READER = "shop.cluster-ro-abc123.eu-west-1.rds.amazonaws.com";

async function ask({ dataSource }: IamApplication, mode: "master" | "slave"): Promise<void> {
	const runner = dataSource.createQueryRunner(mode);
	await runner.query("SELECT 1");
	await runner.release();
}

/** Two servers that know nothing of each other: it is logins that are looked at. */
function describeReplica(engine: "mariadb" | "postgres"): void {
	let reader: IamScene;
	const restore: (() => void)[] = [];
	let writer: IamScene;

	beforeAll(async () => {
		restore.push(leadToLoopback(WRITER), leadToLoopback(READER));
		[writer, reader] = await Promise.all([
			startIamScene("rds-db", engine, { host: WRITER, isDirect: true }),
			startIamScene("rds-db", engine, { host: READER, isDirect: true }),
		]);
	});

	afterAll(async () => {
		await Promise.all([writer.stop(), reader.stop()]);
		for (const undo of restore) undo();
	});

	it.each(typeOrmVersionsFor(engine))("with TypeORM $label", async (version) => {
		const { host, port } = writer.config;
		const own = {
			replicas: [{ host: READER, port: reader.gateway.port }],
			tls: { ca: [writer.ssl.ca, reader.ssl.ca] },
		};
		const desks = [writer.gateway.desk, reader.gateway.desk];
		const formerCounts = desks.map(({ logins }) => logins.length);
		const application = await startIamApplication(writer, version, own, { host, port });

		await ask(application, "master");
		await ask(application, "slave");
		const result = await application.rotator.rotateDatabaseConnection();
		const counts = desks.map(({ logins }, index) => logins.length - (formerCounts[index] ?? 0));
		await application.stop();

		expect(counts.every((count) => count > 0)).toBe(true);
		expect(desks.flatMap(({ refusals }) => refusals)).toEqual([]);
		expect(result).toEqual({ outcome: "unchanged" });
	});
}

describe("A replica of PostgreSQL", () => {
	describeReplica("postgres");
});

describeWith("mariadb")("A replica of MariaDB", () => {
	describeReplica("mariadb");
});
