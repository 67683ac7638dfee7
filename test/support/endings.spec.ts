/** What a test started ends with it, and what a file started with the file. */
import { beginTest, endFile, endLater, endTest } from "./endings.js";

const ended: string[] = [];

function start(name: string): () => Promise<void> {
	return endLater(async () => ended.push(name));
}

beforeEach(() => ended.splice(0));

it("ends what a test started, the newest first, and once", async () => {
	start("scene");
	const stopProxy = start("proxy");
	start("application");

	await stopProxy();
	await endTest();
	await endTest();
	beginTest();

	expect(ended).toEqual(["proxy", "application", "scene"]);
});

it("leaves what was started outside of a test to the end of the file", async () => {
	await endTest();
	start("server");
	beginTest();
	start("scene");

	await endTest();
	const endedWithTest = [...ended];
	await endFile();
	beginTest();

	expect(endedWithTest).toEqual(["scene"]);
	expect(ended).toEqual(["scene", "server"]);
});

it("ends the others where one fails, and reports it", async () => {
	start("server");
	endLater(async () => {
		throw new Error("The proxy is gone");
	});
	start("scene");

	const failure = await endTest().catch((error: unknown) => error);
	beginTest();

	expect(failure).toEqual(new Error("The proxy is gone"));
	expect(ended).toEqual(["scene", "server"]);
});
