/** Packages that cannot be had: the reason is told, for that is what a skipped test says. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerUnavailableError, unpackDebianPackages } from "./debian-packages.js";

const { PATH } = process.env;
let folder: string;
let programs: string;

beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), "debian-packages-spec-"));
	programs = await mkdtemp(join(tmpdir(), "debian-packages-spec-"));
	process.env["PATH"] = programs;
});

afterEach(async () => {
	process.env["PATH"] = PATH;
	await Promise.all([folder, programs].map((path) => rm(path, { recursive: true })));
});

const unpack = (): Promise<unknown> =>
	unpackDebianPackages(folder, { alone: ["server-extras"], packages: ["server"] }).catch((error: unknown) => error);

it("tells of a machine without apt-get", async () => {
	const error = await unpack();

	expect(error).toBeInstanceOf(ServerUnavailableError);
	expect(error).toHaveProperty("message", "No Debian package server, server-extras: this machine has no apt-get");
});

it("tells what apt-get said, even when only the lists came", async () => {
	await writeFile(
		join(programs, "apt-get"),
		'#!/bin/sh\nfor word; do [ "$word" = update ] && exit 0; done\necho "E: Unable to locate package server" >&2\nexit 100\n',
		{ mode: 0o755 },
	);

	const error = await unpack();

	expect(error).toBeInstanceOf(ServerUnavailableError);
	expect(error).toHaveProperty("message", "No Debian package server, server-extras: E: Unable to locate package server");
});

it("goes on when some of the lists did not come", async () => {
	await writeFile(join(programs, "apt-get"), '#!/bin/sh\nfor word; do [ "$word" = update ] && exit 100; done\nexit 0\n', { mode: 0o755 });

	expect(await unpack()).toBeUndefined();
});
