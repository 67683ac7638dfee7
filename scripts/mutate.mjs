/**
 * `npm run mutate -- acquire`: changes the source of a room in many small ways and runs the room's unit specs against
 * each change (Stryker). Prints the changes that no spec notices. Fails when the score is below the one in
 * test/mutants/floor.json; a better score raises it.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

const ROOT = path.resolve(import.meta.dirname, "..");
const FOLDER = path.join(ROOT, "test", "mutants");
const FLOOR = path.join(FOLDER, "floor.json");
const STRYKER = path.join(FOLDER, "node_modules", "@stryker-mutator", "core", "bin", "stryker.js");
const CACHE = path.join(ROOT, ".cache", "mutants");

/** The score of a room in percent, to one place below: noise must not raise the floor. */
const floor = JSON.parse(readFileSync(FLOOR, "utf8"));
const rooms = process.argv.slice(2);
if (rooms.length === 0) throw new Error("Name the rooms to change, such as: npm run mutate -- acquire");
for (const room of rooms) mutate(room);

function mutate(room) {
	const report = path.join(CACHE, `${room}.json`);
	const configuration = {
		cleanTempDir: "always",
		concurrency: 1,
		coverageAnalysis: "perTest",
		checkers: [],
		ignorePatterns: ["/docs", "/dist", "/coverage", "/bench/peers", "/test/mutants"],
		jest: {
			configFile: "jest.config.cjs",
			config: { testMatch: [`<rootDir>/test/unit/${room}/**/*.spec.ts`] },
			enableFindRelatedTests: false,
		},
		jsonReporter: { fileName: report },
		mutate: [`src/${room}/**/*.ts`],
		plugins: [path.join(FOLDER, "node_modules", "@stryker-mutator", "jest-runner", "dist", "src", "index.js")],
		reporters: ["json", "progress-append-only"],
		tempDirName: ".cache/stryker",
		testRunner: "jest",
		timeoutMS: 5_000,
	};
	rmSync(path.join(ROOT, ".cache", "stryker"), { force: true, recursive: true });
	const file = path.join(FOLDER, "node_modules", `${room}.config.json`);
	writeFileSync(file, JSON.stringify(configuration));
	const { status } = spawnSync(process.execPath, [STRYKER, "run", file], { cwd: ROOT, stdio: "inherit" });
	if (status !== 0) throw new Error(`Stryker ended with ${status}`);
	judge(room, JSON.parse(readFileSync(report, "utf8")));
}

function judge(room, { files }) {
	const mutants = Object.entries(files).flatMap(([name, { mutants: own, source }]) => own.map((mutant) => ({ ...mutant, name, source })));
	const count = (...states) => mutants.filter(({ status }) => states.includes(status)).length;
	const killed = count("Killed", "Timeout");
	const missed = count("Survived", "NoCoverage");
	for (const { location, mutatorName, name, replacement, source, status } of mutants) {
		if (status !== "Survived" && status !== "NoCoverage") continue;
		const { column, line } = location.start;
		const text = source.split("\n")[line - 1].trim();
		console.log(
			`${name}:${line}:${column} ${mutatorName} → ${JSON.stringify(replacement)}${status === "NoCoverage" ? " (never run)" : ""}\n    ${text}`,
		);
	}
	const score = Math.floor((1_000 * killed) / (killed + missed)) / 10;
	const before = floor[room] ?? 0;
	console.log(`${room}: ${killed} of ${killed + missed} noticed, ${score} %, floor ${before} %`);
	if (score < before) throw new Error(`The score of ${room} has fallen below its floor`);
	if (score > before) writeFileSync(FLOOR, `${JSON.stringify({ ...floor, [room]: score }, undefined, 2)}\n`);
	floor[room] = Math.max(score, before);
}
