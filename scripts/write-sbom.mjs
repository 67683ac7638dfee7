/**
 * Writes sbom.cdx.json: what the package installs at run time, as a CycloneDX document with the hashes of the lock.
 * npm runs it after it has changed the version, as the life-cycle script `version`. Peers belong to the application, and are not part of it.
 */
import { Buffer } from "node:buffer";
import { readFileSync, writeFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));

const components = new Map();
const edges = [];
const root = purlOf(manifest.name, manifest.version);
edges.push({ ref: root, dependsOn: addAll(manifest.dependencies, "") });

const document = {
	bomFormat: "CycloneDX",
	specVersion: "1.5",
	version: 1,
	metadata: {
		component: {
			"bom-ref": root,
			type: "library",
			name: manifest.name,
			version: manifest.version,
			purl: root,
			licenses: [{ license: { id: manifest.license } }],
		},
	},
	components: [...components.values()],
	dependencies: edges,
};
writeFileSync("sbom.cdx.json", `${JSON.stringify(document, undefined, 2)}\n`);
console.log(`sbom.cdx.json: ${manifest.name} ${manifest.version} and ${components.size} component(s)`);

/** Adds the packages with all that they need; the result names them. */
function addAll(dependencies = {}, from) {
	return Object.keys(dependencies).map((name) => add(name, from));
}

function add(name, from) {
	const location = locate(name, from);
	const { dependencies, integrity, license, version } = packages[location];
	const ref = purlOf(name, version);
	if (components.has(ref)) return ref;
	components.set(ref, {
		"bom-ref": ref,
		type: "library",
		name,
		version,
		purl: ref,
		hashes: [{ alg: "SHA-512", content: Buffer.from(integrity.replace("sha512-", ""), "base64").toString("hex") }],
		...(license && { licenses: [{ license: { id: license } }] }),
	});
	edges.push({ ref, dependsOn: addAll(dependencies, location) });
	return ref;
}

/** Where Node finds a package that is required from another one. */
function locate(name, from) {
	for (let folder = from; ; folder = folder.slice(0, Math.max(folder.lastIndexOf("/node_modules/"), 0))) {
		const location = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
		if (packages[location] !== undefined) return location;
		if (folder === "") throw new Error(`package-lock.json has no ${name}: run npm install`);
	}
}

function purlOf(name, version) {
	return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}
