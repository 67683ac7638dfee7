/**
 * Runs everything a change must pass, in one order, here and in CI, and ends with the line `N passed, N failed`.
 * A test counts as one; so does each step that is not made of tests. A failed step does not keep the next ones from running.
 *
 * `--all`: tests run on every engine and TypeORM, and the tests of `test/support` run, too. Without it the latter run only where
 * `test/support` or `test/soak` differs from the commit VERIFY_BASE, by default the one that the branch started from.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { npmCommand } from "./npm-command.cjs";

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const STEP_LIMIT_MS = 25 * 60_000;
const folder = mkdtempSync(path.join(tmpdir(), "connector-verify-"));

const JEST_COUNTS = ["--", "--reporters=default", "--reporters=./scripts/count-reporter.cjs"];

const isAll = process.argv.includes("--all");
const environment = { ...process.env, ...(isAll && { ENGINES: "all" }) };

/** A step that counts its own tests writes `{ passed, failed }` to the file named by COUNTS_FILE. */
const steps = [
	{ script: "test", options: JEST_COUNTS },
	{ script: "lint" },
	{ script: "format:check" },
	{ script: "types" },
	{ script: "build:check" },
	{ script: "test:matrix" },
	{ script: "test:drivers" },
	{ script: "test:faults", options: JEST_COUNTS },
	...(isAll || hasChanged("test/support", "test/soak") ? [{ script: "test:support", options: JEST_COUNTS }] : []),
	{ script: "test:soak" },
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
for (const step of steps) {
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

async function runStep({ script, options = [] }) {
	const countsFile = path.join(folder, `${script.replace(":", "-")}.json`);
	console.log(`\n=== ${script}`);
	const startedAt = Date.now();
	const isOk = await runNpm(["run", script, ...options], { ...environment, COUNTS_FILE: countsFile });
	const seconds = Math.round((Date.now() - startedAt) / 1000);
	const counts = existsSync(countsFile) ? JSON.parse(readFileSync(countsFile, "utf8")) : { failed: 0, passed: isOk ? 1 : 0 };
	// A step can fail beside its tests, and a step of tests that ran none has not passed.
	if (counts.failed === 0 && (!isOk || counts.passed === 0)) counts.failed = 1;
	return { counts, seconds };
}

/** Whether these folders differ from the commit that the branch started from; on the main branch itself, from the one before. */
function hasChanged(...folders) {
	const head = git("rev-parse", "HEAD");
	const bases = [
		process.env.VERIFY_BASE,
		git("merge-base", "HEAD", "origin/main"),
		git("merge-base", "HEAD", "main"),
		git("rev-parse", "HEAD^"),
	];
	const base = bases.find((commit) => commit && commit !== head);
	// Without a history there is nothing to compare with.
	if (base === undefined) return true;
	return git("diff", "--name-only", base, "--", ...folders) !== "" || git("status", "--porcelain", "--", ...folders) !== "";
}

/** The output; `undefined` where git fails. */
function git(...gitArguments) {
	const { status, stdout } = spawnSync("git", gitArguments, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
	return status === 0 ? stdout.trim() : undefined;
}

/** Each step leads a process group of its own, so that whatever it leaves behind can be ended without touching anything else. */
function runNpm(npmArguments, env) {
	return new Promise((resolve) => {
		const { command, commandArguments, isShellNeeded } = npmCommand(npmArguments);
		const child = spawn(command, commandArguments, {
			cwd: ROOT,
			detached: process.platform !== "win32",
			env,
			shell: isShellNeeded,
			stdio: ["ignore", "inherit", "inherit"],
		});
		current = child;
		const limit = setTimeout(() => {
			console.error(`Stopped after ${STEP_LIMIT_MS / 60_000} minutes.`);
			stopGroup(child, "SIGKILL");
		}, STEP_LIMIT_MS);
		child.once("error", (error) => console.error(error.message));
		child.once("close", (code) => {
			clearTimeout(limit);
			stopGroup(child);
			resolve(code === 0);
		});
	});
}

function stopGroup(child, signal = "SIGTERM") {
	if (child?.pid === undefined) return;
	try {
		process.kill(process.platform === "win32" ? child.pid : -child.pid, signal);
	} catch {
		// Nothing is left of it.
	}
}

function finish() {
	rmSync(folder, { force: true, recursive: true });
}
