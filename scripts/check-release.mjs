/**
 * Refuses a release whose manifest does not say where the project lives. Run in the folder of the project: `npm run release:check`.
 * npm compares `repository` with the repository that signs the provenance; the registry's page takes its links from the same fields.
 */
import { existsSync, readFileSync } from "node:fs";

const PLACEHOLDER_OWNER = "@OWNER";
const CODE_OWNERS = ".github/CODEOWNERS";

const problems = findProblems();
for (const problem of problems) console.error(`- ${problem}`);
if (problems.length > 0) {
	console.error(`${problems.length} to correct before a release; docs/internals/releasing.md says how.`);
	process.exitCode = 1;
} else {
	console.log("The manifest is ready for a release.");
}

function findProblems() {
	const manifest = JSON.parse(readFileSync("package.json", "utf8"));
	const { bugs, homepage, publishConfig, repository } = manifest;
	const repositoryUrl = typeof repository === "string" ? repository : (repository?.url ?? "");
	const name = /^git\+https:\/\/github\.com\/([\w.-]+\/[\w.-]+)\.git$/.exec(repositoryUrl)?.[1];
	const running = process.env["GITHUB_REPOSITORY"];
	const owners = existsSync(CODE_OWNERS) ? readFileSync(CODE_OWNERS, "utf8") : "";
	return [
		name === undefined && 'package.json: "repository.url" has to be git+https://github.com/<owner>/<name>.git',
		name !== undefined && running !== undefined && name !== running && `package.json: "repository.url" names ${name}, not ${running}`,
		!isHttps(homepage) && 'package.json: "homepage" has to be an https address',
		!isHttps(bugs?.url) && 'package.json: "bugs.url" has to be an https address',
		publishConfig?.provenance !== true && 'package.json: "publishConfig.provenance" has to be true',
		publishConfig?.access !== "public" && 'package.json: "publishConfig.access" has to be "public"',
		publishConfig?.registry !== undefined && 'package.json: "publishConfig.registry" is not set: trusted publishing needs none',
		manifest.private === true && 'package.json: "private" keeps npm from publishing',
		(owners === "" || owners.includes(PLACEHOLDER_OWNER)) && `${CODE_OWNERS}: names no owner yet`,
	].filter((problem) => problem !== false);
}

function isHttps(text) {
	return URL.canParse(text ?? "") && new URL(text).protocol === "https:";
}
