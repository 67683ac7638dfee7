/**
 * Run after `npm install` has changed package-lock.json: `npm run lock`.
 *
 * Where a registry mirror lacks the native binaries of other platforms, npm leaves them out of the lock, and `npm ci` then refuses it
 * everywhere. This adds each one with the exact version its parent asks for. It also drops download addresses, which differ by mirror, and asks the
 * registry for the hash of each entry that has none: without it `npm ci` would install whatever it is given under that name.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const LIBC_OF_ABI = { gnu: "glibc", gnueabihf: "glibc", musl: "musl", musleabihf: "musl" };
const PLATFORM = /-(android|darwin|freebsd|linux|openbsd|openharmony|win32)-([a-z0-9]+)(?:-([a-z]+))?$/;

const lockFile = fileURLToPath(new URL("../package-lock.json", import.meta.url));
const lock = JSON.parse(readFileSync(lockFile, "utf8"));

const added = [];
for (const [location, parent] of Object.entries(lock.packages)) {
	for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
		const entry = `node_modules/${name}`;
		if (lock.packages[entry] !== undefined || lock.packages[`${location}/${entry}`] !== undefined) continue;
		const { cpu, libc, os } = platformOf(name);
		lock.packages[entry] = { version, cpu, ...(parent.dev === true && { dev: true }), ...(libc && { libc }), optional: true, os };
		added.push(`${name}@${version}`);
	}
}
for (const locked of Object.values(lock.packages)) delete locked.resolved;
const unhashed = [];
for (const [location, locked] of Object.entries(lock.packages)) {
	if (location === "" || locked.integrity !== undefined || locked.link === true || locked.inBundle === true) continue;
	const { version, ...rest } = locked;
	const name = locked.name ?? location.slice(location.lastIndexOf("node_modules/") + "node_modules/".length);
	const integrity = fetchIntegrity(name, version);
	if (integrity === undefined) unhashed.push(`${name}@${version}`);
	else lock.packages[location] = { version, integrity, ...rest };
}

const { "": root, ...others } = lock.packages;
lock.packages = { "": root, ...Object.fromEntries(Object.entries(others).sort(([a], [b]) => a.localeCompare(b, "en"))) };
writeFileSync(lockFile, `${JSON.stringify(lock, undefined, 2)}\n`);
if (unhashed.length > 0) console.error(`The registry has no hash for:\n  ${unhashed.join("\n  ")}`);
console.log(added.length === 0 ? "The lock is complete." : `Added to the lock:\n  ${added.join("\n  ")}`);

/** The hash that the registry has for a version; `undefined` when it has none. */
function fetchIntegrity(name, version) {
	const npm = process.env.npm_execpath === undefined ? ["npm"] : [process.execPath, process.env.npm_execpath];
	const [program, ...before] = npm;
	const { stdout } = spawnSync(program, [...before, "view", `${name}@${version}`, "dist.integrity", "--json"], { encoding: "utf8" });
	return /sha512-[A-Za-z0-9+/]{86}==/.exec(stdout ?? "")?.[0];
}

/** Native packages are named after the platform they are for; without this npm would try to install all of them. */
function platformOf(name) {
	const [, os, cpu, abi] = PLATFORM.exec(name) ?? [];
	if (os === undefined) throw new Error(`The lock lacks ${name}, and its name does not tell its platform.`);
	const libc = os === "linux" ? LIBC_OF_ABI[abi] : undefined;
	return { cpu: [cpu], libc: libc && [libc], os: [os] };
}
