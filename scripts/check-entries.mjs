/**
 * What the entries of the installed package have in common, and what loading one costs: the same classes as ESM and as CommonJS and in every entry, and
 * no Nest, rxjs or TypeORM behind the entries that promise to do without.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";

/** Entries that load nothing but the AWS SDK and Node. */
const LIGHT_ENTRIES = ["secrets", "tokens"];
const BARE_CLIENT = "@aws-sdk/client-secrets-manager";
const FORBIDDEN = /[/\\]node_modules[/\\](@nestjs[/\\][^/\\]+|rxjs|typeorm|reflect-metadata)[/\\]/;

/** The shortest of so many loads counts, so that a busy machine does not. */
const LOAD_COUNT = 9;
/** Of the time that the bare client takes. */
const MAXIMUM_LOAD_RATIO = 2;

/**
 * @param {string} folder A project that has the package installed.
 * @param {{ exports: object, name: string }} manifest The manifest of the package.
 */
export function checkEntries(folder, manifest) {
	const entries = Object.keys(manifest.exports)
		.filter((entry) => !entry.endsWith(".json"))
		.map((entry) => path.posix.join(manifest.name, entry));
	checkIdentity(folder, entries);
	for (const entry of LIGHT_ENTRIES) checkLoad(folder, `${manifest.name}/${entry}`);
}

function checkIdentity(folder, entries) {
	const program = `
		import { createRequire } from "node:module";
		const require = createRequire(import.meta.url);
		const seen = new Map();
		const problems = [];
		const counts = {};
		for (const entry of ${JSON.stringify(entries)}) {
			const imported = await import(entry);
			const required = require(entry);
			const names = (module) => Object.keys(module).sort().join(", ");
			if (names(imported) !== names(required)) problems.push(entry + " exports " + names(imported) + " as ESM, " + names(required) + " as CJS");
			for (const [name, value] of Object.entries(required)) {
				if (imported[name] !== value) problems.push(entry + ": " + name + " differs between ESM and CJS");
				if (seen.has(name) && seen.get(name) !== value) problems.push(entry + ": " + name + " differs from that of another entry");
				seen.set(name, value);
			}
			counts[entry] = Object.keys(required).length;
		}
		console.log(JSON.stringify({ counts, problems }));`;
	const { counts, problems } = JSON.parse(runProgram(folder, "identity.mjs", program));
	if (problems.length > 0) throw new Error(`Entries do not share their exports:\n${problems.join("\n")}`);
	for (const [entry, count] of Object.entries(counts)) console.log(`${entry}: ${count} exports, the same objects as ESM and as CJS`);
}

/** Counts what an entry loads, and compares it with the bare client of the AWS SDK. */
function checkLoad(folder, entry) {
	const program = `
		const startedAt = performance.now();
		require(process.argv[2]);
		console.log(JSON.stringify({ files: Object.keys(require.cache), loadMs: performance.now() - startedAt }));`;
	const load = (name) => JSON.parse(runProgram(folder, "load-one.cjs", program, name));
	const samples = Array.from({ length: LOAD_COUNT }, () => ({ bare: load(BARE_CLIENT), own: load(entry) }));
	const [{ bare, own }] = samples;
	const forbidden = own.files.filter((file) => FORBIDDEN.test(file));
	if (forbidden.length > 0) throw new Error(`${entry} loads ${forbidden.join(", ")}`);
	const foreign = own.files.filter(
		(file) => !bare.files.includes(file) && !/[/\\](?:dist[/\\][^/\\]+\.cjs|chunks[/\\][^/\\]+\.cjs|load-one\.cjs)$/.test(file),
	);
	if (foreign.length > 0) throw new Error(`${entry} loads more than the bare client and its own files: ${foreign.join(", ")}`);
	const shortest = (kind) => Math.min(...samples.map((sample) => sample[kind].loadMs));
	const ratio = shortest("own") / shortest("bare");
	const text =
		`${entry}: ${own.files.length} modules, ${shortest("own").toFixed(0)} ms; ` +
		`${BARE_CLIENT} alone: ${bare.files.length} modules, ${shortest("bare").toFixed(0)} ms`;
	if (ratio > MAXIMUM_LOAD_RATIO) throw new Error(`Loading takes ${ratio.toFixed(2)} times as long as the bare client. ${text}`);
	console.log(text);
}

function runProgram(folder, name, text, ...programArguments) {
	writeFileSync(path.join(folder, name), text);
	return execFileSync(process.execPath, [name, ...programArguments], {
		cwd: folder,
		encoding: "utf8",
		stdio: ["ignore", "pipe", "inherit"],
	});
}
