/**
 * Runs everything a change must pass, in one order, here and in CI, and ends with the line `N passed, N failed`.
 * A test counts as one; so does each step that is not made of tests. A failed step does not keep the next ones from running.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { npmCommand } from "./npm-command.cjs";

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const STEP_LIMIT_MS = 25 * 60_000;
const folder = mkdtempSync(path.join(tmpdir(), "connector-verify-"));

/** `report` is the option that makes a step write its counts to a file. */
const steps = [
	{ script: "test", report: (file) => ["--json", `--outputFile=${file}`], readCounts: readJestCounts },
	{ script: "lint" },
	{ script: "format:check" },
	{ script: "types" },
	{ script: "build:check" },
	{ script: "test:matrix", report: (file) => [`--counts=${file}`], readCounts: readJson },
	{ script: "test:faults", report: (file) => ["--json", `--outputFile=${file}`], readCounts: readJestCounts, needs: "test/faults" },
];

let current;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
	process.once(signal, () => {
		stopGroup(current);
		finish();
		process.exit(130);
	});
}

const total = { failed: 0, passed: 0 };
const summary = [];
for (const step of steps.filter(({ needs }) => needs === undefined || hasSpecs(needs))) {
	const { counts, seconds } = await runStep(step);
	total.passed += counts.passed;
	total.failed += counts.failed;
	summary.push(
		`${counts.failed === 0 ? "ok    " : "FAILED"} ${step.script} (${counts.passed} of ${counts.passed + counts.failed}, ${seconds} s)`,
	);
}
finish();
console.log(`\n${summary.join("\n")}\n\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;

async function runStep({ script, report, readCounts }) {
	const countsFile = path.join(folder, `${script.replace(":", "-")}.json`);
	console.log(`\n=== ${script}`);
	const startedAt = Date.now();
	const isOk = await runNpm(["run", script, ...(report === undefined ? [] : ["--", ...report(countsFile)])]);
	const seconds = Math.round((Date.now() - startedAt) / 1000);
	const counts = existsSync(countsFile) ? readCounts(countsFile) : { failed: 0, passed: isOk ? 1 : 0 };
	// A step can fail beside its tests, and a step of tests that ran none has not passed.
	if (counts.failed === 0 && (!isOk || counts.passed === 0)) counts.failed = 1;
	return { counts, seconds };
}

/** Each step leads a process group of its own, so that whatever it leaves behind can be ended without touching anything else. */
function runNpm(npmArguments) {
	return new Promise((resolve) => {
		const { command, commandArguments, isShellNeeded } = npmCommand(npmArguments);
		const child = spawn(command, commandArguments, {
			cwd: ROOT,
			detached: process.platform !== "win32",
			shell: isShellNeeded,
			stdio: ["ignore", "inherit", "inherit"],
		});
		current = child;
		const limit = setTimeout(() => {
			console.error(`Stopped after ${STEP_LIMIT_MS / 60_000} minutes.`);
			stopGroup(child);
		}, STEP_LIMIT_MS);
		child.once("error", (error) => console.error(error.message));
		child.once("close", (code) => {
			clearTimeout(limit);
			stopGroup(child);
			resolve(code === 0);
		});
	});
}

function stopGroup(child) {
	if (child?.pid === undefined) return;
	try {
		process.kill(process.platform === "win32" ? child.pid : -child.pid, "SIGTERM");
	} catch {
		// Nothing is left of it.
	}
}

function readJestCounts(file) {
	const { numFailedTests, numPassedTests, numPendingTests, numRuntimeErrorTestSuites } = readJson(file);
	// A skipped test proves nothing, so it counts against the change.
	return { failed: numFailedTests + numRuntimeErrorTestSuites + numPendingTests, passed: numPassedTests };
}

function hasSpecs(directory) {
	if (!existsSync(path.join(ROOT, directory))) return false;
	return readdirSync(path.join(ROOT, directory), { recursive: true }).some((name) => name.endsWith(".spec.ts"));
}

function readJson(file) {
	return JSON.parse(readFileSync(file, "utf8"));
}

function finish() {
	rmSync(folder, { force: true, recursive: true });
}
