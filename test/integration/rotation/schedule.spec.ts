/** The schedule in an application that has @nestjs/schedule, with real timers. Delays and back-off: test/unit/rotation. */
import { Interval, ScheduleModule, SchedulerRegistry } from "@nestjs/schedule";

import { waitForUser } from "../../support/eventually.js";
import { startNestApplication } from "../../support/nest-application.js";
import {
	createSceneDatabase,
	type SceneDatabase,
	type SceneServers,
	startScene,
	startSceneServers,
} from "../../support/rotating-database.js";
import { LATEST_TYPEORM } from "../../support/typeorm-versions.js";
import { waitUntil } from "../../support/wait-until.js";

const MONTH_MS = 2_592_000_000;

let database: SceneDatabase;
let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers();
	database = await createSceneDatabase(servers);
});

afterAll(async () => servers.stop());

it("rotates by itself, again and again", async () => {
	const config = { ...database.config, rotation: { intervalMs: 50, isEnabled: true } };
	const { dataSource, events } = await startNestApplication({ config });
	const countSuccesses = () => events.filter((event) => event.type === "rotation.succeeded" && event.trigger === "schedule").length;

	for (const count of [1, 2, 3]) {
		await database.alternate();
		await waitUntil(`${String(count)} rotations have succeeded`, () => countSuccesses() === count);
	}

	expect(countSuccesses()).toBe(3);
	await waitForUser(database.current().username, async () => {
		const [row] = await dataSource.query<[{ user: string }]>("SELECT current_user AS user");
		return row.user;
	});
});

it("is listed in the application's registry until the application closes", async () => {
	const config = { ...database.config, rotation: { intervalMs: MONTH_MS, isEnabled: true } };
	const { application } = await startNestApplication({ config, imports: [ScheduleModule.forRoot()] });
	const registry = application.get(SchedulerRegistry, { strict: false });

	const whileRunning = registry.getIntervals();
	await application.close();

	expect(whileRunning).toEqual([expect.stringMatching(/^db-rotation:\d+$/)]);
	expect(registry.getIntervals()).toEqual([]);
});

it("starts no rotation once its entry is deleted, says so once, and can be rotated by hand", async () => {
	const config = { ...database.config, rotation: { intervalMs: 50, isEnabled: true } };
	const { application, events, rotator } = await startNestApplication({ config, imports: [ScheduleModule.forRoot()] });
	const registry = application.get(SchedulerRegistry, { strict: false });
	await waitUntil("a scheduled rotation has run", () => events.some(({ type }) => type === "rotation.unchanged"));

	registry.deleteInterval(registry.getIntervals()[0] ?? "");
	await waitUntil("the schedule has noticed", () => events.some(({ type }) => type === "rotation.skipped"));
	const countStarts = () => events.filter((event) => event.type === "rotation.started" && event.trigger === "schedule").length;
	const startCountBefore = countStarts();
	await new Promise((resolve) => setTimeout(resolve, 300));
	const startCountAfter = countStarts();
	const byHand = await rotator.rotateDatabaseConnection();
	await application.close();

	expect(startCountAfter).toBe(startCountBefore);
	expect(events.filter(({ type }) => type === "rotation.skipped")).toEqual([expect.objectContaining({ reason: "unscheduled" })]);
	expect(byHand).toEqual({ outcome: "unchanged" });
});

it("leaves an application's own interval at its own rate", async () => {
	const ticks: number[] = [];
	class Job {
		tick(): void {
			ticks.push(performance.now());
		}
	}
	Interval(100)(Job.prototype, "tick", Object.getOwnPropertyDescriptor(Job.prototype, "tick") as PropertyDescriptor);
	const config = { ...database.config, rotation: { intervalMs: 100, isEnabled: true } };
	const jobs = { module: class JobModule {}, providers: [Job] };

	const { application } = await startNestApplication({ config, imports: [ScheduleModule.forRoot(), jobs] });
	const registry = application.get(SchedulerRegistry, { strict: false });
	await waitUntil("the job has run eleven times", () => ticks.length >= 11);
	const intervals = registry.getIntervals();
	await application.close();

	// Timers are late at times, but two registrations would tick in half of it.
	expect((ticks[10] ?? 0) - (ticks[0] ?? 0)).toBeGreaterThan(900);
	expect(intervals).toHaveLength(2);
});

it("takes a registry that can only add", async () => {
	const added: string[] = [];
	const registry = { addInterval: (name: string) => void added.push(name) };
	const config = { rotation: { intervalMs: 50, isEnabled: true } };

	const scene = await startScene(servers, { config, registry, version: LATEST_TYPEORM });
	await waitUntil("two rotations have run", () => scene.events.filter(({ type }) => type === "rotation.unchanged").length >= 2);
	await scene.stop();

	expect(added).toEqual([`db-rotation:${scene.database}`]);
});
