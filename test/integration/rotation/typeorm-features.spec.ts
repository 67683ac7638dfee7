/** What TypeORM keeps beside the driver goes on after a rotation: Active Record, the result cache, subscribers. */
import type * as TypeOrm from "typeorm";

import { type Scene, type SceneServers, startScene, startSceneServers } from "../../support/rotating-database.js";
import { typeOrmVersionsFor } from "../../support/typeorm-versions.js";

let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers();
});

afterAll(async () => servers.stop());

/** All versions share one registry of decorators, whose shape is that of the version that came first. */
beforeEach(() => Reflect.deleteProperty(globalThis, "typeormMetadataArgsStorage"));

/** Decorators register with the TypeORM they come from, so each version gets a class of its own. */
function defineNote({ BaseEntity, Column, Entity, PrimaryGeneratedColumn }: typeof TypeOrm) {
	@Entity("note")
	class Note extends BaseEntity {
		@PrimaryGeneratedColumn("identity") id!: number;
		@Column("text") text!: string;
	}
	return Note;
}

async function rotate(scene: Scene): Promise<string> {
	await scene.alternate();
	const { outcome } = await scene.rotator.rotateDatabaseConnection();
	await scene.waitForUser(scene.current().username);
	await scene.server.setPassword(scene.users.find((user) => user !== scene.current().username) ?? "", "revoked");
	return outcome;
}

describe.each(typeOrmVersionsFor("postgres"))("After rotations on TypeORM $label", (version) => {
	it("Active Record entities read and write with the new user", async () => {
		const Note = defineNote(version.load());
		const scene = await startScene(servers, { config: { entities: [Note], shouldSynchronize: true }, version });
		await Note.create({ text: "before" }).save();

		const outcomes = [await rotate(scene), await rotate(scene), await rotate(scene)];
		await Note.create({ text: "after" }).save();
		const notes = await Note.find({ order: { id: "ASC" } });
		const [session] = await Note.query("SELECT current_user AS user");
		await scene.stop();

		expect(outcomes).toEqual(["rotated", "rotated", "rotated"]);
		expect(notes.map(({ text }) => text)).toEqual(["before", "after"]);
		expect(session).toEqual({ user: scene.users[1] });
	});

	it("the result cache answers what it kept, and keeps what is new", async () => {
		const Note = defineNote(version.load());
		const scene = await startScene(servers, {
			config: { entities: [Note], shouldSynchronize: true },
			override: (options) => ({ ...options, cache: true }),
			version,
		});
		const countNotes = async (id: string): Promise<number> => {
			const notes = await scene.dataSource.getRepository(Note).find({ cache: { id, milliseconds: 60_000 } });
			return notes.length;
		};
		await Note.create({ text: "first" }).save();
		const countBefore = await countNotes("early");

		const outcome = await rotate(scene);
		await Note.create({ text: "second" }).save();
		const counts = [await countNotes("early"), await countNotes("late")];
		await Note.create({ text: "third" }).save();
		counts.push(await countNotes("late"));
		await scene.dataSource.queryResultCache?.remove(["early", "late"]);
		counts.push(await countNotes("early"));
		await scene.stop();

		expect(outcome).toBe("rotated");
		expect(countBefore).toBe(1);
		expect(counts).toEqual([1, 2, 2, 3]);
	});

	it("repositories, subscribers and the manager that were taken before go on", async () => {
		const { EventSubscriber } = version.load();
		const inserted: string[] = [];
		class NoteSubscriber implements TypeOrm.EntitySubscriberInterface {
			afterInsert({ entity }: TypeOrm.InsertEvent<{ text: string }>): void {
				inserted.push(entity.text);
			}
		}
		EventSubscriber()(NoteSubscriber);
		const Note = defineNote(version.load());
		const scene = await startScene(servers, {
			config: { entities: [Note], shouldSynchronize: true },
			override: (options) => ({ ...options, subscribers: [NoteSubscriber] }),
			version,
		});
		const [repository, { driver, manager }] = [scene.dataSource.getRepository(Note), scene.dataSource];

		await rotate(scene);
		await repository.save({ text: "by repository" });
		await manager.transaction(async (transaction) => transaction.save(Note, { text: "by manager" }));
		const count = await scene.dataSource.createQueryBuilder(Note, "note").getCount();
		const driverAfterwards = scene.dataSource.driver;
		await scene.stop();

		expect(inserted).toEqual(["by repository", "by manager"]);
		expect(count).toBe(2);
		expect(driverAfterwards).toBe(driver);
	});
});
