/** What the documentation says of names, values, places and steps is what the source says. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";

import { DEFAULT_DRAIN_TIMEOUT_MS } from "../../src/configuration/connector.constants.js";
import { CONNECTOR_FIELDS, type FieldDefinition, type FieldName } from "../../src/configuration/connector-fields.js";
import {
	ParameterStoreConfigService,
	ParameterStoreService,
	RotatorService,
	SecretsManagerService,
	TypeOrmAwsConnectorService,
} from "../../src/index.js";
import { SecretStoreRegistryModule } from "../../src/module/secret-store-registry.module.js";
import { buildParameterPath } from "../../src/parameter-store/parameter-path.js";
import { buildFieldLookup } from "../../src/resolution/field-lookup.js";
import { chooseDelayMs } from "../../src/rotation/rotation-schedule.js";
import { type RotationPhase, RotationState } from "../../src/rotation/rotation-state.js";
import rooms from "../../rooms.js";
import packageJson from "../../package.json";
import {
	findAnchors,
	findCodeBlocks,
	findCodeSpans,
	findLinks,
	type MarkdownDocument,
	PROJECT_ROOT,
	readDocument,
	readDocuments,
	readProse,
	readTable,
} from "../support/markdown.js";
import { PublicSurface } from "../support/public-surface.js";
import { VERSION_SETS } from "../matrix/sets.js";

const README = readDocument("README.md");
const ARCHITECTURE = readDocument("docs/ARCHITECTURE.md");
const DOCUMENTS = readDocuments();
const ALL_LINES = DOCUMENTS.flatMap(({ lines }) => lines);
const GUIDES = DOCUMENTS.map(({ path }) => path).filter((path) => /^docs\/(?:guides|reference)\//.test(path));
const MAXIMUM_README_LINES = 120;
const MAXIMUM_ARCHITECTURE_LINES = 260;
const MAXIMUM_DECISION_LINES = 45;
const PARTS = ["## Context", "## Decision", "## Consequences"];
const FIELD_NAMES = Object.keys(CONNECTOR_FIELDS) as FieldName[];

/** The segments of the README's example. */
const EXAMPLE = { application: "shop", environment: "production", instanceName: "shop-api", namespace: "aws-ecs-fargate" };

/** Compiled when it is needed first. */
let compiledSurface: PublicSurface | undefined;

function readSurface(): PublicSurface {
	compiledSurface ??= new PublicSurface();
	return compiledSurface;
}

/** The code spans in one column of a table, row by row. */
function readSpans(document: MarkdownDocument, firstHeading: string, column = 0): string[][] {
	return readTable(document, firstHeading).map((cells) => findCodeSpans(cells[column] ?? ""));
}

/** The one document that has a table with this first heading. */
function findDocument(firstHeading: string): MarkdownDocument {
	const found = DOCUMENTS.filter(({ lines }) => lines.some((line) => line.startsWith(`| ${firstHeading} `)));
	if (found.length === 1 && found[0] !== undefined) return found[0];
	throw new Error(`"${firstHeading}" begins a table in ${found.map(({ path }) => path).join(" and ") || "no document"}`);
}

describe("the first forty lines of the README", () => {
	const [shell, example] = findCodeBlocks(README);

	/** `8.4` as `8.4.0`. */
	function padVersion(version = ""): string {
		return [...version.split("."), "0", "0"].slice(0, 3).join(".");
	}

	it("show how to install, to watch and to test", () => {
		expect(shell?.language).toBe("sh");
		expect(shell?.text).toMatch(/^npm install nestjs-typeorm-aws-connector /m);
		expect(shell?.text).toMatch(/^npm run demo\b/m);
		expect(shell?.text).toMatch(/^npm test\b/m);
	});

	it.each([
		["NestJS", "@nestjs/core"],
		["TypeORM", "typeorm"],
	] as const)("name the versions of %s that package.json accepts", (name, peer) => {
		const accepted = packageJson.peerDependencies[peer].split(" || ").map((range) => range.replace("^", ""));
		const documented = new RegExp(`${name} ([\\d.]+)–(\\d+)`).exec(README.lines.slice(0, 40).join("\n"));

		expect(accepted[0]).toBe(padVersion(documented?.[1]));
		expect(accepted.at(-1)).toBe(padVersion(documented?.[2]));
	});

	it("hold a whole example with comments", () => {
		expect(example?.endLine).toBeLessThanOrEqual(40);
		expect(example?.text).toMatch(/^import /);
		expect(example?.text).toMatch(/^export class AppModule \{\}$/m);
		expect(example?.text.match(/ \/\/ /g)?.length).toBeGreaterThanOrEqual(5);
	});
});

it("is short: the README leads to what it leaves out", () => {
	// The last line ends with a line break.
	expect(README.lines.length).toBeLessThanOrEqual(MAXIMUM_README_LINES + 1);
	expect(findLinks(README)).toEqual(expect.arrayContaining(GUIDES));
});

describe("every document", () => {
	const sourceNames = readdirSync(join(PROJECT_ROOT, "src"), { encoding: "utf8", recursive: true }).map((name) => basename(name));

	it("links to what exists", () => {
		const broken = findInDocuments((document) =>
			findLinks(document).filter((target) => !/^[a-z]+:/.test(target) && !doesSecretExist(document.path, target)),
		);

		expect(broken).toEqual([]);
	});

	it("names scripts that package.json has", () => {
		const unknown = findInDocuments(({ lines }) =>
			lines
				.flatMap((line) => [...line.matchAll(/\bnpm (?:run ([\w:-]+)|(test)\b)/g)])
				.map(([, script, test]) => script ?? test ?? "")
				.filter((name) => !(name in packageJson.scripts)),
		);

		expect(unknown).toEqual([]);
	});

	it("names files that exist", () => {
		const missing = findInDocuments((document) =>
			readProse(document)
				.flatMap(findCodeSpans)
				.filter((span) => {
					if (/^(?:bench|docs|examples|scripts|src|test)\/[\w./-]+$/.test(span)) return !existsSync(join(PROJECT_ROOT, span));
					return /^[a-z][\w-]*(?:\.[a-z]+)?\.ts$/.test(span) && !sourceNames.includes(span);
				}),
		);

		expect(missing).toEqual([]);
	});

	it("names error codes that exist", () => {
		const known = readSurface().listLiterals("TConnectorErrorCode");

		const unknown = findInDocuments(({ lines }) =>
			lines.flatMap((line) => line.match(/\bERR_CONNECTOR_\w+/g) ?? []).filter((code) => !known.includes(code)),
		);

		expect(known.length).toBeGreaterThan(10);
		expect(unknown).toEqual([]);
	});

	/** What `find` objects to, each with its document. */
	function findInDocuments(find: (document: MarkdownDocument) => string[]): string[] {
		return DOCUMENTS.flatMap((document) => find(document).map((finding) => `${document.path}: ${finding}`));
	}

	function doesSecretExist(from: string, target: string): boolean {
		const [file = "", anchor] = target.split("#");
		const path = file === "" ? from : posix.join(dirname(from), file);
		if (!existsSync(join(PROJECT_ROOT, path))) return false;
		return anchor === undefined || findAnchors(readDocument(path)).includes(anchor);
	}
});

describe("the README's table of parameters", () => {
	const paths = new Map(FIELD_NAMES.map((name) => [buildParameterPath(buildFieldLookup(name, { entities: [] }), EXAMPLE), name]));
	const rows = readTable(README, "parameter").map(([parameters = "", holds = "", defaults = ""]) => ({
		defaults: defaults.replaceAll("`", "").split(", "),
		fields: findCodeSpans(parameters).map(findField),
		holds: findCodeSpans(holds),
	}));

	/** The field whose path is, or ends like, what is written. When that is none or several, the written text, which is no field. */
	function findField(written: string): FieldName {
		const [field, ...others] = [...paths].filter(([path]) =>
			written.startsWith("…") ? path.endsWith(written.slice(1)) : path === written,
		);
		return field === undefined || others.length > 0 ? (written as FieldName) : field[1];
	}

	it("has every field once, at its canonical place", () => {
		expect(rows.flatMap(({ fields }) => fields).sort()).toEqual([...FIELD_NAMES].sort());
	});

	it("has the defaults", () => {
		const expected = rows.map(({ fields }) => {
			const values = fields.map((name) => String((CONNECTOR_FIELDS[name] as FieldDefinition).defaultValue ?? "required"));
			return new Set(values).size === 1 ? values.slice(0, 1) : values;
		});

		expect(rows.map(({ defaults }) => defaults)).toEqual(expected);
	});

	it("has the values of fields that accept only some", () => {
		const choices = rows.map(({ fields, holds }) => ({ accepted: fields.flatMap(listChoices).sort(), holds: [...holds].sort() }));
		const limited = choices.filter(({ accepted }) => accepted.length > 0);

		expect(limited.map(({ holds }) => holds)).toEqual(limited.map(({ accepted }) => accepted));
	});

	function listChoices(name: FieldName): readonly string[] {
		const { accepts }: FieldDefinition = CONNECTOR_FIELDS[name];
		return accepts.kind === "enum" ? accepts.values : [];
	}
});

describe("the tables of options", () => {
	it("have every option of the connector, and no other", () => {
		const documented = readSpans(findDocument("option of `TypeOrmAwsConnectorModule`"), "option of `TypeOrmAwsConnectorModule`")
			.flat()
			.flatMap((option, _, all) =>
				option === "ssmLookups.<field>" ? FIELD_NAMES.filter((name) => all.includes(name)).map(toLookup) : option,
			);

		const groups = ["aws", "rotation", "ssmLookups"];
		const type = "ITypeOrmAwsConnectorModuleOptions";
		const single = [...readSurface().listProperties(type).keys()].filter((name) => !groups.includes(name));
		const grouped = groups.flatMap((group) => [...readSurface().listProperties(type, group).keys()].map((name) => `${group}.${name}`));
		expect(documented.sort()).toEqual([...single, ...grouped].sort());
	});

	it("have every option of a replica, and no other", () => {
		const documented = readSpans(findDocument("option of a replica"), "option of a replica").flat();

		const single = [...readSurface().listProperties("ITypeOrmAwsConnectorReplica").keys()].filter((name) => name !== "ssmLookups");
		const lookups = [...readSurface().listProperties("ITypeOrmAwsConnectorReplicaSsmLookups").keys()].map(
			(name) => `ssmLookups.${name}`,
		);
		expect(documented.sort()).toEqual([...single, ...lookups].sort());
	});

	it("have every option of TLS, and no other", () => {
		const documented = readSpans(findDocument("option of `tls`"), "option of `tls`").flat();

		expect(documented.sort()).toEqual([...readSurface().listProperties("ITypeOrmAwsConnectorTls").keys()].sort());
	});

	it("have every option of Parameter Store, and no other", () => {
		const documented = readSpans(
			findDocument("option of `ParameterStoreConfigModule`"),
			"option of `ParameterStoreConfigModule`",
		).flat();

		expect(documented.sort()).toEqual([...readSurface().listProperties("IParameterStoreConfigModuleOptions").keys()].sort());
	});

	it("have every option of the secrets manager, and no other", () => {
		const documented = readSpans(findDocument("option of `SecretsManagerModule`"), "option of `SecretsManagerModule`").flat();

		expect(documented.sort()).toEqual([...readSurface().listProperties("ISecretsManagerModuleOptions").keys()].sort());
	});

	it("have the keys of a lookup", () => {
		const shape = ALL_LINES.flatMap((line) => /`\{ (path, [^}]*) \}`/.exec(line)?.[1]?.split(", ") ?? []);

		expect(shape.map((key) => key.replace("?", "")).sort()).toEqual(
			[...readSurface().listProperties("IStructuredLookup").keys()].sort(),
		);
	});

	it.each([
		["TypeOrmAwsConnectorModule", "ITypeOrmAwsConnectorModuleOptions"],
		["ParameterStoreConfigModule", "IParameterStoreConfigModuleOptions"],
		["SecretsManagerModule", "ISecretsManagerModuleOptions"],
	])("have the defaults that the docstrings of %s have", (module, type) => {
		const literals = readTable(findDocument(`option of \`${module}\``), `option of \`${module}\``).filter(([, value = ""]) =>
			/^(?:`\w+`|\d+)$/.test(value),
		);

		const differing = literals.flatMap(([options = "", value = ""]) =>
			findCodeSpans(options).filter((option) => {
				const [name = "", ...groups] = option.split(".").reverse();
				const documentation =
					readSurface()
						.listProperties(type, ...groups)
						.get(name) ?? "";
				const stated = /\bDefault\b(.*)/s.exec(documentation)?.[1] ?? "";
				return !stated.replaceAll(/[,`]/g, "").includes(value.replaceAll("`", ""));
			}),
		);

		expect(literals.length).toBeGreaterThan(1);
		expect(differing).toEqual([]);
	});

	it("have the drain timeout and the spread of ticks that the code has", () => {
		const text = ALL_LINES.join("\n");
		const spread = /(\d+)–(\d+) %/.exec(text)?.slice(1).map(Number);
		const longest = chooseDelayMs(100, { failureCount: 0, isTransient: true }, () => 0);
		const shortest = chooseDelayMs(100, { failureCount: 0, isTransient: true }, () => 1);

		expect(text).toMatch(new RegExp(`\`rotation.drainTimeoutMs\` +\\| ${String(DEFAULT_DRAIN_TIMEOUT_MS)} `));
		expect(spread).toEqual([shortest, longest]);
	});

	function toLookup(name: FieldName): string {
		return `ssmLookups.${name}`;
	}
});

describe("the table of versions", () => {
	it("has the sets of the matrix that use the companions", () => {
		const documented = readTable(readDocument("docs/reference/engines.md"), "NestJS");

		const sets = VERSION_SETS.filter(({ hasOptionalPeers }) => hasOptionalPeers).map(({ versions }) => [
			String(versions["@nestjs/core"]).replace(/\.\d+$/, ""),
			...["@nestjs/typeorm", "@nestjs/config", "@nestjs/schedule"].map((name) => String(versions[name]).replace(/\..*$/, "")),
			versions["typeorm"],
		]);
		expect(documented).toEqual(sets);
	});
});

describe("the table of errors", () => {
	it("has every code once, and the source raises each", () => {
		const documented = readSpans(findDocument("code"), "code").flat().sort();
		const raised = readFileSync(join(PROJECT_ROOT, "src/errors/errors.ts"), "utf8").matchAll(/readonly code = "(\w+)"/g);

		expect(documented).toEqual([...raised].map(([, code]) => code).sort());
		expect(documented).toEqual(readSurface().listLiterals("TConnectorErrorCode").sort());
	});
});

describe("the architecture page", () => {
	it("can be read in one sitting", () => {
		// The last line ends with a line break.
		expect(ARCHITECTURE.lines.length).toBeLessThanOrEqual(MAXIMUM_ARCHITECTURE_LINES + 1);
	});

	it("has every room, in the order of rooms.js", () => {
		const present = Object.keys(rooms.ROOMS).filter((room) => existsSync(join(PROJECT_ROOT, "src", room)));

		expect(readSpans(ARCHITECTURE, "room").flat()).toEqual(present);
	});

	it("draws the transitions that the state machine allows", () => {
		const diagram = findCodeBlocks(ARCHITECTURE).find(({ text }) => text.startsWith("stateDiagram"));
		const drawn = [...(diagram?.text.matchAll(/^\s*(\w+) --> (\w+)/gm) ?? [])].map(([, from, to]) => `${String(from)} ${String(to)}`);

		expect(drawn.sort()).toEqual(listTransitions().sort());
	});

	it.each([
		["of TypeORM", ["live-data-source.ts", "typeorm-driver.ts"]],
		["of pg and pg-pool ≥ 3.6", ["postgres-pool.ts", "pg-parts.ts"]],
		["of mysql2 ≥ 3.9", ["mysql-pool.ts", "mysql-parts.ts"]],
	])("lists internals %s that are touched in src/drivers", (subject, files) => {
		const source = files.map((file) => readFileSync(join(PROJECT_ROOT, "src/drivers", file), "utf8")).join();

		const names = readSpans(ARCHITECTURE, subject).flat();

		expect(names.length).toBeGreaterThan(5);
		expect(names.filter((name) => !new RegExp(`\\b${name.replace(/^.*\./, "").replace("()", "")}\\b`).test(source))).toEqual([]);
	});

	it("lists every life-cycle hook, with the class that has it", () => {
		const documented = readTable(ARCHITECTURE, "hook").flatMap(([hooks = "", owners = ""]) =>
			findCodeSpans(owners).flatMap((owner) => findCodeSpans(hooks).map((hook) => `${owner}.${hook}`)),
		);

		const services = [
			ParameterStoreConfigService,
			ParameterStoreService,
			RotatorService,
			SecretStoreRegistryModule,
			SecretsManagerService,
			TypeOrmAwsConnectorService,
		];
		const present = services.flatMap((service) =>
			Object.getOwnPropertyNames(service.prototype)
				.filter((name) => /^(?:on(?:Module|Application)|beforeApplication)/.test(name))
				.map((name) => `${service.name}.${name}`),
		);
		expect(documented.sort()).toEqual(present.sort());
	});

	it("lists every event", () => {
		const source = readFileSync(join(PROJECT_ROOT, "src/events/connector-event.ts"), "utf8");
		const published = [...source.matchAll(/readonly type: "([\w.]+)"/g)].map(([, type]) => type);

		expect(readSpans(ARCHITECTURE, "event").flat().sort()).toEqual(published.sort());
	});

	/** All but those into `closed`, which the text describes. */
	function listTransitions(): string[] {
		const known = { closed: 0, fetching: 0, idle: 0, promoting: 0, staging: 0, verifying: 0 } satisfies Record<RotationPhase, number>;
		const phases = Object.keys(known) as RotationPhase[];
		const ways: RotationPhase[][] = [[]];
		const transitions = new Set<string>();
		const seen = new Set<RotationPhase>();
		for (const way of ways) {
			const from = walk(way).phase;
			if (seen.has(from)) continue;
			seen.add(from);
			for (const to of phases.filter((phase) => phase !== "closed" && canEnter(way, phase))) {
				transitions.add(`${from} ${to}`);
				ways.push([...way, to]);
			}
		}
		return [...transitions];
	}

	function walk(way: readonly RotationPhase[]): RotationState {
		const state = new RotationState();
		for (const phase of way) state.enter(phase);
		return state;
	}

	function canEnter(way: readonly RotationPhase[], phase: RotationPhase): boolean {
		try {
			walk(way).enter(phase);
			return true;
		} catch {
			return false;
		}
	}
});

describe("the contributor's guide", () => {
	it("has every room, in the order of rooms.js", () => {
		const places = readSpans(readDocument("CONTRIBUTING.md"), "question", 1).flat();

		expect(places).toEqual([...Object.keys(rooms.ROOMS), "src/*.ts"]);
	});
});

describe("the comparison", () => {
	/** One test that a row of its tables names. */
	interface Proof {
		/** `undefined` where no row has named a file yet. */
		readonly file: string | undefined;
		readonly title: string;
	}

	/** Each row's last column: files, the words "the same file" or "the same test", and titles behind them. */
	function listProofs({ lines }: MarkdownDocument): Proof[] {
		const proofs: Proof[] = [];
		let last: string | undefined;
		for (const cell of lines.filter((line) => line.startsWith("|")).map((line) => line.split("|").at(-2) ?? "")) {
			let file: string | undefined;
			for (const [, path, title] of cell.matchAll(/`([^`]+)`|the same (?:file|test)|"([^"]+)"/g)) {
				if (title !== undefined) proofs.push({ file, title });
				else file = last = path ?? last;
			}
		}
		return proofs;
	}

	/** Whether the file has a test of this title, where … stands for what is filled in. */
	function hasTest({ file, title }: Proof): boolean {
		if (file === undefined) return false;
		const pattern = title.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("…", '[^"]+');
		return new RegExp(`\\(\\s*"${pattern}",`).test(readFileSync(join(PROJECT_ROOT, file), "utf8"));
	}

	it("names tests that are in the files it names", () => {
		const proofs = listProofs(readDocument("docs/COMPARISON.md"));

		expect(proofs.length).toBeGreaterThan(20);
		expect(proofs.filter((proof) => !hasTest(proof))).toEqual([]);
	});
});

describe("the decisions", () => {
	const decisions = DOCUMENTS.filter(({ path }) => path.startsWith("docs/decisions/"));

	it("are numbered without a gap", () => {
		const numbers = decisions.map(({ path }) => Number(/\/(\d{4})-[a-z0-9-]+\.md$/.exec(path)?.[1]));

		expect(numbers.length).toBeGreaterThan(0);
		expect(numbers).toEqual(numbers.map((_, index) => index + 1));
	});

	it("give the reason of every peer", () => {
		const peers = readSpans(readDocument("docs/decisions/0016-no-runtime-dependencies.md"), "peer").flat();

		expect(peers.sort()).toEqual(Object.keys(packageJson.peerDependencies).sort());
	});

	it("have three parts each, on one page", () => {
		const shapeless = decisions.filter(({ lines }) => lines.filter((line) => line.startsWith("## ")).join() !== PARTS.join());
		const long = decisions.filter(({ lines }) => lines.length > MAXIMUM_DECISION_LINES + 1);

		expect(shapeless.map(({ path }) => path)).toEqual([]);
		expect(long.map(({ path }) => path)).toEqual([]);
	});
});

describe("the threat model", () => {
	const rows = readTable(readDocument("docs/internals/threat-model.md"), "claim");

	it.each(rows)("names a test that exists for: %s", (_, places = "") => {
		const specs = findCodeSpans(places);

		expect(specs).not.toEqual([]);
		expect(specs.filter((path) => !path.endsWith(".spec.ts") || !existsSync(join(PROJECT_ROOT, path)))).toEqual([]);
	});
});
