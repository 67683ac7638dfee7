import { createDataSource, type IConnectorDataSource } from "nestjs-typeorm-aws-connector/data-source";

import { database } from "./database.js";
import { Note } from "./note.entity.js";

// An instance of a function handles one event at a time: a small pool is enough.
const options = { ...database, connector: { ...database.connector, poolSize: 2 } };
let connecting: Promise<IConnectorDataSource> | undefined;

/** Once for each instance. A start that failed is tried again by the next event. */
function connect(): Promise<IConnectorDataSource> {
	return (connecting ??= createDataSource(options).catch((error: unknown) => {
		connecting = undefined;
		throw error;
	}));
}

export async function handler(event: { readonly text: string }): Promise<{ readonly id: number }> {
	const dataSource = await connect();
	const { id } = await dataSource.getRepository(Note).save({ text: event.text });
	return { id };
}
