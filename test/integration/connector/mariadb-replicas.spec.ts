/** A replica of MariaDB with a login of its own: rotated with the others, in a cluster that keeps its servers. */
import { describeWith } from "../../support/describe-with.js";
import type { MariadbServer } from "../../support/mariadb/mariadb-server.js";
import { type SceneServers, startScene, startSceneServers } from "../../support/rotating-database.js";
import { typeOrmVersionsFor } from "../../support/typeorm-versions.js";

describeWith("mariadb")("A replica of MariaDB", () => {
	let servers: SceneServers<MariadbServer>;

	beforeAll(async () => {
		servers = await startSceneServers({ engine: "mariadb", hasReplica: true });
	});

	afterAll(async () => servers.stop());

	it.each(typeOrmVersionsFor("mariadb"))("has a login of its own, which is rotated on its own, on TypeORM $label", async (version) => {
		const name = `reader_${version.label.replaceAll(".", "_")}`;
		const secretId = `app/${name}`;
		const { host, port } = servers.replica as NonNullable<typeof servers.replica>;
		await servers.server.createRole(name, "reader-1");
		await servers.server.admin.query(`GRANT SELECT ON *.* TO '${name}'@'%'`);
		await servers.replica?.catchUp();
		servers.aws.secrets.put(secretId, { password: "reader-1", username: name });
		const scene = await startScene(servers, { config: { replicas: [{ host, port, secretId }] }, version });
		const usersAtStart = [await scene.findUser("master"), await scene.findUser("slave")];
		await servers.server.setPassword(name, "reader-2");
		await servers.replica?.catchUp();
		servers.aws.secrets.put(secretId, { password: "reader-2", username: name });

		const outcomes = [await scene.rotator.rotateDatabaseConnection(), await scene.rotator.rotateDatabaseConnection()];
		const { options } = scene.dataSource;

		expect(usersAtStart).toEqual([scene.users[0], name]);
		expect(outcomes.map(({ outcome }) => outcome)).toEqual(["rotated", "unchanged"]);
		await scene.waitForUser(scene.users[0], "master");
		await scene.waitForUser(name, "slave");
		expect(options).toMatchObject({
			replication: { canRetry: false, master: { password: "password-0" }, slaves: [{ password: "reader-2", username: name }] },
		});
	});
});
