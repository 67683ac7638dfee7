/** The tarball holds every document that a reader of the published README can reach. */
import { execFileSync } from "node:child_process";
import { posix } from "node:path";

import npm from "../../scripts/npm-command.cjs";
import { findLinks, PROJECT_ROOT, readDocument } from "../support/markdown.js";

/** Paths in the tarball, without those that a build adds. */
function listPackedFiles(): string[] {
	const { command, commandArguments, isShellNeeded } = npm.npmCommand(["pack", "--dry-run", "--ignore-scripts", "--json"]);
	const output = execFileSync(command, commandArguments, {
		cwd: PROJECT_ROOT,
		encoding: "utf8",
		shell: isShellNeeded,
		stdio: ["ignore", "pipe", "ignore"],
	});
	const [{ files }] = JSON.parse(output) as [{ files: { path: string }[] }];
	return files.map(({ path }) => path);
}

describe("the tarball", () => {
	const packed = listPackedFiles();
	const documents = packed.filter((path) => path.endsWith(".md"));

	it("holds the README, the license, the change log and the documents", () => {
		expect(packed).toEqual(expect.arrayContaining(["CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md"]));
		expect(documents.filter((path) => path.startsWith("docs/")).length).toBeGreaterThan(10);
	});

	it("holds no source, test or script of the project", () => {
		expect(packed.filter((path) => /^(?:\.|bench|examples|scripts|src|test)/.test(path))).toEqual([]);
	});

	it("holds the target of every relative link in its documents", () => {
		const broken = documents.flatMap((path) =>
			findLinks(readDocument(path))
				.filter((target) => !/^(?:[a-z]+:|#)/.test(target))
				.map((target) => posix.join(posix.dirname(path), target.replace(/#.*$/, "")))
				.filter((target) => !packed.some((file) => file === target || file.startsWith(`${target}/`)))
				.map((target) => `${path}: ${target}`),
		);

		expect(broken).toEqual([]);
	});
});
