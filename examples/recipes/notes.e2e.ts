import { Test, type TestingModule } from "@nestjs/testing";
import { overrideConnector } from "nestjs-typeorm-aws-connector/testing";
import { DataSource } from "typeorm";

import { AppModule } from "./app.module";
import { Note } from "./note.entity";

describe("notes", () => {
	let module: TestingModule;

	beforeAll(async () => {
		const builder = Test.createTestingModule({ imports: [AppModule] });
		module = await overrideConnector(builder, {
			// A PostgreSQL of the test, such as the one of Testcontainers: container.getConnectionUri()
			database: { url: process.env["TEST_DATABASE_URL"], shouldSynchronize: true },
		}).compile();
		await module.init();
	});

	afterAll(async () => module.close());

	it("are kept", async () => {
		const notes = module.get(DataSource).getRepository(Note);

		await notes.save({ text: "milk" });

		expect(await notes.find()).toMatchObject([{ text: "milk" }]);
	});
});
