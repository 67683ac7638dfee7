/**
 * Run after `npm install` has changed package-lock.json: `npm run lock`.
 *
 * Where a registry mirror lacks the native binaries of other platforms, npm leaves them out of the lock, and `npm ci` then refuses it
 * everywhere. This adds each one with the exact version its parent asks for. It also drops download addresses, which differ by mirror.
 */
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

const { "": root, ...others } = lock.packages;
lock.packages = { "": root, ...Object.fromEntries(Object.entries(others).sort(([a], [b]) => a.localeCompare(b, "en"))) };
writeFileSync(lockFile, `${JSON.stringify(lock, undefined, 2)}\n`);
console.log(added.length === 0 ? "The lock is complete." : `Added to the lock:\n  ${added.join("\n  ")}`);

/** Native packages are named after the platform they are for; without this npm would try to install all of them. */
function platformOf(name) {
	const [, os, cpu, abi] = PLATFORM.exec(name) ?? [];
	if (os === undefined) throw new Error(`The lock lacks ${name}, and its name does not tell its platform.`);
	const libc = os === "linux" ? LIBC_OF_ABI[abi] : undefined;
	return { cpu: [cpu], libc: libc && [libc], os: [os] };
}
