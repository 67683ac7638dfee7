/**
 * Checks the package as its users get it: packs dist/, lints the tarball, installs it into an empty project without any optional peer,
 * loads it as ESM and as CJS, runs its command, and compiles a consumer of each kind with `skipLibCheck: false`.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { checkDeclarations } from "./check-declarations.mjs";
import { checkEntries } from "./check-entries.mjs";
import { npmCommand } from "./npm-command.cjs";
import { writeTypeConsumer } from "./type-consumer.cjs";

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const manifest = readJson(path.join(ROOT, "package.json"));

const folder = mkdtempSync(path.join(tmpdir(), "connector-package-"));
try {
	const tarball = pack();
	lintTarball(tarball);
	checkBundles();
	checkDeclarations(path.join(ROOT, "dist"));
	installInto(folder, tarball);
	checkEntries(folder, manifest);
	checkCommand();
	compileConsumers();
	console.log("The package is sound.");
} catch (error) {
	// A tool has printed why it said no; a check says it in its message.
	console.error(`Failed: ${error.spawnargs?.join(" ") ?? error.message}`);
	process.exitCode = 1;
} finally {
	rmSync(folder, { force: true, recursive: true });
}

function pack() {
	const [{ filename, files }] = JSON.parse(npm(["pack", "--ignore-scripts", "--json", "--pack-destination", folder], ROOT, "pipe"));
	console.log(`${filename}: ${files.map((file) => file.path).join(", ")}`);
	return path.join(folder, filename);
}

function lintTarball(tarball) {
	run(bin("publint"), ["--strict", tarball], ROOT);
	run(bin("@arethetypeswrong/cli", "attw"), [tarball], ROOT);
}

/** Each file of code has a map that carries its sources, since src/ is not published, and none keeps an import(). */
function checkBundles() {
	const bundles = readdirSync(path.join(ROOT, "dist"), { encoding: "utf8", recursive: true }).filter((file) => file.endsWith(".cjs"));
	for (const bundle of bundles) {
		const { sources, sourcesContent } = readJson(path.join(ROOT, "dist", `${bundle}.map`));
		if (sources.length !== sourcesContent?.length) throw new Error(`${bundle}.map does not carry its sources`);
		const code = readFileSync(path.join(ROOT, "dist", bundle), "utf8").replace(/^\s*(?:\*|\/\/).*$/gm, "");
		if (/\bimport\(/.test(code)) throw new Error(`dist/${bundle} keeps an import(), which jest refuses in CommonJS projects`);
	}
}

function installInto(target, tarball) {
	const optional = manifest.peerDependenciesMeta;
	const wanted = [...Object.keys(manifest.peerDependencies).filter((name) => !optional[name]?.optional), "@types/node"];
	const dependencies = Object.fromEntries(wanted.map((name) => [name, manifest.devDependencies[name]]));
	dependencies[manifest.name] = `file:${tarball}`;
	writeFileSync(path.join(target, "package.json"), JSON.stringify({ name: "consumer", private: true, dependencies }));
	npm(["install", "--strict-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], target);
}

/** The command as npm installs it: it is linked, starts, and reads a file of options; nothing of it asks AWS. */
function checkCommand() {
	const [[name, script]] = Object.entries(manifest.bin);
	if (!existsSync(path.join(folder, "node_modules", ".bin", name))) throw new Error(`npm has not linked the command "${name}"`);
	const command = path.join(folder, "node_modules", manifest.name, script);
	const version = run(command, ["--version"], folder, "pipe").trim();
	if (version !== manifest.version) throw new Error(`The command says it is version ${version}`);
	const secretId = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbC123";
	writeFileSync(path.join(folder, "connector.json"), JSON.stringify({ secretId }));
	const policy = JSON.parse(run(command, ["policy", "--config", "connector.json", "--region", "eu-west-1"], folder, "pipe"));
	if (policy.Statement[0]?.Resource !== secretId) throw new Error(`The command prints another policy: ${JSON.stringify(policy)}`);
	console.log(`The command ${name} runs as it is installed`);
}

function compileConsumers() {
	const [compiler, ...compilerArguments] = writeTypeConsumer(folder);
	run(compiler, compilerArguments, folder);
	console.log("A typed consumer compiles as ESM and as CJS under module: nodenext, with skipLibCheck: false");
}

/** The script behind a package's command, so that it is started without a shell on every platform. */
function bin(packageName, command = packageName) {
	const location = path.join(ROOT, "node_modules", packageName);
	const { bin: commands } = readJson(path.join(location, "package.json"));
	return path.join(location, typeof commands === "string" ? commands : commands[command]);
}

function run(script, scriptArguments, cwd, stdout = "inherit") {
	return execFileSync(process.execPath, [script, ...scriptArguments], { cwd, encoding: "utf8", stdio: ["ignore", stdout, "inherit"] });
}

function npm(npmArguments, cwd, stdout = "inherit") {
	const { command, commandArguments, isShellNeeded } = npmCommand(npmArguments);
	return execFileSync(command, commandArguments, { cwd, encoding: "utf8", shell: isShellNeeded, stdio: ["ignore", stdout, "inherit"] });
}

function readJson(file) {
	return JSON.parse(readFileSync(file, "utf8"));
}
