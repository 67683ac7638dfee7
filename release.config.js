/** A release is made from the commits since the last one: `fix` makes a patch, `feat` a minor, a breaking change a major version. */
module.exports = {
	branches: ["main"],
	tagFormat: "v${version}",
	plugins: [
		["@semantic-release/commit-analyzer", { preset: "conventionalcommits" }],
		["@semantic-release/release-notes-generator", { preset: "conventionalcommits" }],
		["@semantic-release/changelog", { changelogFile: "CHANGELOG.md", changelogTitle: "# Changelog" }],
		// `npm version` writes the bill of materials, as the life-cycle script `version` of package.json.
		"@semantic-release/npm",
		["@semantic-release/github", { assets: [{ label: "Bill of materials (CycloneDX)", path: "sbom.cdx.json" }] }],
		[
			"@semantic-release/git",
			{ assets: ["CHANGELOG.md", "package.json", "package-lock.json"], message: "chore(release): ${nextRelease.version} [skip ci]" },
		],
	],
};
