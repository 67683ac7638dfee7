/** Replicas of a connector: where reads go, how each is logged in to, and what a rotation does to them. */
import type { DataSource, DataSourceOptions } from "typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { type Scene, type SceneOptions, type SceneServers, startScene, startSceneServers } from "../../support/rotating-database.js";
import { StubParameterSource } from "../../support/stub-parameter-source.js";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.js";
import { typeOrmVersionsFor } from "../../support/typeorm-versions.js";
import { waitUntil } from "../../support/wait-until.js";

const READER_PORT = "/shop/test/aws-rds/aurora-postgres/reader/port";

describe.each(typeOrmVersionsFor("postgres"))("Replicas on TypeORM $label", (version) => {
	let reader: { readonly name: string; readonly secretId: string };
	let servers: SceneServers;

	beforeAll(async () => {
		servers = await startSceneServers({ hasReplica: true });
	});

	afterAll(async () => servers.stop());

	async function openProxy(): Promise<TcpProxy> {
		return startTcpProxy({ target: servers.replica as NonNullable<SceneServers["replica"]> });
	}

	async function start(options: Omit<SceneOptions, "version"> = {}): Promise<Scene> {
		return startScene(servers, { ...options, version });
	}

	/** A user for the replica alone, with a secret of its own. */
	async function createReader(name: string): Promise<void> {
		reader = { name, secretId: `app/${name}` };
		await servers.server.createRole(name, "reader-1", { databases: ["postgres"] });
		await servers.replica?.catchUp();
		servers.aws.secrets.put(reader.secretId, { password: "reader-1", username: name });
	}

	const describeReplica = (own: object): Partial<ITypeOrmAwsConnectorConfig> => {
		const { host, port } = servers.replica as NonNullable<SceneServers["replica"]>;
		return { replicas: [{ host, port, ...own }] };
	};

	async function findPort(dataSource: DataSource, mode?: "master" | "slave"): Promise<number> {
		const runner = mode === undefined ? undefined : dataSource.createQueryRunner(mode);
		const rows: [{ port: number }] = await dataSource
			.createQueryBuilder(runner)
			.select("inet_server_port()", "port")
			.from("(SELECT 1)", "x")
			.execute();
		await runner?.release();
		return rows[0].port;
	}

	const findRows = (scene: Scene): [master: number | undefined, replica: number | undefined] => [
		scene.server.port,
		servers.replica?.port,
	];

	it("serve reads, and the master what says so", async () => {
		const scene = await start();

		const ports = [await findPort(scene.dataSource), await findPort(scene.dataSource, "master")];

		expect(ports).toEqual(findRows(scene).toReversed());
	});

	it("leave reads to the master where defaultMode says it", async () => {
		const scene = await start({ config: { defaultMode: "master" } });

		const ports = [await findPort(scene.dataSource), await findPort(scene.dataSource, "slave")];

		expect(ports).toEqual(findRows(scene));
	});

	it("follow the master's secret in a rotation", async () => {
		const scene = await start();
		await scene.alternate();
		await servers.replica?.catchUp();

		const { outcome } = await scene.rotator.rotateDatabaseConnection();

		expect(outcome).toBe("rotated");
		for (const mode of ["master", "slave"] as const) await scene.waitForUser(scene.users[1], mode);
	});

	it("have a login of their own, which is rotated on its own", async () => {
		await createReader(`reader_a_${version.label.replaceAll(".", "_")}`);
		const scene = await start({ config: describeReplica({ secretId: reader.secretId }) });
		const usersAtStart = [await scene.findUser("master"), await scene.findUser("slave")];
		const idle = await scene.rotator.rotateDatabaseConnection();
		await servers.server.setPassword(reader.name, "reader-2");
		await servers.replica?.catchUp();
		servers.aws.secrets.put(reader.secretId, { password: "reader-2", username: reader.name });

		const rotated = await scene.rotator.rotateDatabaseConnection();
		const { options } = scene.dataSource;

		expect(usersAtStart).toEqual([scene.users[0], reader.name]);
		expect([idle.outcome, rotated.outcome]).toEqual(["unchanged", "rotated"]);
		expect(options).toMatchObject({
			password: "password-0",
			replication: { master: { password: "password-0" }, slaves: [{ password: "reader-2", username: reader.name }] },
		});
		await scene.waitForUser(reader.name, "slave");
	});

	it("wait for AWSPENDING of a secret of their own in the middle of its rotation", async () => {
		await createReader(`reader_b_${version.label.replaceAll(".", "_")}`);
		const scene = await start({ config: { ...describeReplica({ secretId: reader.secretId }), rotation: { isEnabled: true } } });
		servers.aws.secrets.put(reader.secretId, { password: "reader-2", username: reader.name }, { stages: ["AWSPENDING"] });
		await servers.server.setPassword(reader.name, "reader-2");
		await servers.replica?.catchUp();
		await servers.replica?.terminate(reader.name);

		const users = await Promise.all(Array.from({ length: 8 }, async () => scene.findUser("slave")));

		expect(new Set(users)).toEqual(new Set([reader.name]));
		expect(await scene.findUser("master")).toBe(scene.users[0]);
	});

	it("let an application start in the middle of the rotation of such a secret", async () => {
		await createReader(`reader_c_${version.label.replaceAll(".", "_")}`);
		const config = { ...describeReplica({ secretId: reader.secretId }) };
		const scene = await start({ config });
		servers.aws.secrets.put(reader.secretId, { password: "reader-2", username: reader.name }, { stages: ["AWSPENDING"] });
		await servers.server.setPassword(reader.name, "reader-2");
		await servers.replica?.catchUp();
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, { ...scene.config, ...config });

		const options = await connector.getTypeOrmOptions();
		connector.close();

		expect(options).toMatchObject({ replication: { master: { password: "password-0" }, slaves: [{ password: "reader-2" }] } });
	});

	it("are looked for again by a rotation, which follows one that has moved", async () => {
		const [former, later] = [await openProxy(), await openProxy()];
		const parameterSource = new StubParameterSource();
		parameterSource.values.set("/shop/test/aws-rds/aurora-postgres/port", String(servers.server.port));
		parameterSource.values.set(READER_PORT, String(former.port));
		const replica = { host: former.host, ssmLookups: { port: { path: ["reader", "port"] } } };
		const scene = await start({ config: { isVerbose: false, replicas: [replica] }, parameterSource });
		await scene.findUser("slave");
		parameterSource.values.set(READER_PORT, String(later.port));

		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		await waitUntil("reads go to the other place", async () => {
			await scene.findUser("slave");
			return later.openCount > 0;
		});
		await waitUntil("nothing is left at the former place", () => former.openCount === 0);

		expect(outcome).toBe("rotated");
		expect(later.openCount).toBeGreaterThan(0);
	});

	it("keep what the application puts on top of one of them", async () => {
		const proxy = await openProxy();
		const override = (options: DataSourceOptions): DataSourceOptions => {
			const { replication } = options as unknown as { replication: { slaves: object[] } };
			const slaves = replication.slaves.map((slave) => ({ ...slave, host: proxy.host, port: proxy.port }));
			return { ...options, replication: { ...replication, slaves } } as unknown as DataSourceOptions;
		};
		const scene = await start({ override });
		await scene.alternate();
		await servers.replica?.catchUp();

		const outcomes = [await scene.rotator.rotateDatabaseConnection()];
		await scene.alternate();
		await servers.replica?.catchUp();
		outcomes.push(await scene.rotator.rotateDatabaseConnection());
		await scene.waitForUser(scene.users[0], "slave");

		expect(outcomes.map(({ outcome }) => outcome)).toEqual(["rotated", "rotated"]);
		// One at the start, and at least one by each rotation.
		expect(proxy.acceptedCount).toBeGreaterThanOrEqual(3);
		expect(scene.dataSource.options).toMatchObject({ replication: { slaves: [{ host: proxy.host, port: proxy.port }] } });
	});

	it("cannot be rotated when the application has added one by hand", async () => {
		const override = (options: DataSourceOptions): DataSourceOptions => {
			const { replication } = options as unknown as { replication: { slaves: object[] } };
			return {
				...options,
				replication: { ...replication, slaves: [...replication.slaves, ...replication.slaves] },
			} as unknown as DataSourceOptions;
		};
		const scene = await start({ override });
		await scene.alternate();

		const result = await scene.rotator.rotateDatabaseConnection();

		expect(result).toMatchObject({ error: { code: "ERR_CONNECTOR_ROTATION_UNSUPPORTED" }, outcome: "failed" });
		expect(await scene.findUser("slave")).toBe(scene.users[0]);
	});
});
