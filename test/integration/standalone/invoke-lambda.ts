/** Calls the handler of the recipe for each line on stdin, as the runtime of AWS Lambda does, and prints what it returns. */
import { createInterface } from "node:readline";

import { handler } from "../../../examples/recipes/lambda.js";

async function main(): Promise<void> {
	for await (const line of createInterface({ input: process.stdin })) {
		const { id } = await handler({ text: line });
		console.log(`saved: ${String(id)}`);
	}
	// A function is never told to end.
	process.exit(0);
}

void main();
