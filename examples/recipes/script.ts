import { createDataSource } from "nestjs-typeorm-aws-connector/data-source";

import { database } from "./database.js";
import { Note } from "./note.entity.js";

async function main(): Promise<void> {
	const dataSource = await createDataSource(database);
	try {
		const { affected } = await dataSource.getRepository(Note).delete({ text: "" });
		console.log(`${String(affected)} empty notes deleted`);
	} finally {
		await dataSource.close(); // the process ends by itself then
	}
}

void main();
