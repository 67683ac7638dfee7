/** A jest reporter that writes how many tests passed and failed to the file named by COUNTS_FILE. Jest's own --json breaks on circular values. */
const { writeFileSync } = require("node:fs");

class CountReporter {
	onRunComplete(_, { numFailedTests, numPassedTests, numPendingTests, numRuntimeErrorTestSuites, numTodoTests }) {
		// A skipped test proves nothing, so it counts against the change.
		const failed = numFailedTests + numRuntimeErrorTestSuites + numPendingTests + numTodoTests;
		writeFileSync(process.env["COUNTS_FILE"], JSON.stringify({ failed, passed: numPassedTests }));
	}
}

module.exports = CountReporter;
