/** Every snippet of the documentation compiles in strict mode, and `typeOrmOptions` is typed by the engine that `type` names. */
import { join } from "node:path";

import { IS_EVERY_CELL_RUN } from "../support/typeorm-versions.js";
import { findTypeErrors, readCompilerOptions } from "../support/virtual-modules.js";
import { listSnippetSources } from "./compile-snippet.js";
import { SNIPPETS } from "./documented-snippets.js";
import { ACCEPTED, listStatementSources, pathOfStatement, REFUSED } from "./option-statements.js";

/** As Nest's own starter project has it, so that a constructor says by its types what is injected. */
const APPLICATION_OPTIONS = { emitDecoratorMetadata: true };
/** A statement shows a type, and uses neither itself nor all of its imports. */
const UNUSED = /error TS(?:6133|6192|6196):/;
/** Beside the latest: by default the oldest, whose types differ most. */
const FORMER_TYPEORMS = IS_EVERY_CELL_RUN ? ["typeorm-0.3", "typeorm-0.3.20"] : ["typeorm-0.3.20"];

type TypeErrors = ReturnType<typeof findTypeErrors>;

const documented = new Map([...SNIPPETS.values()].map(({ path, text }) => [path, text] as const));
const reference = listSnippetSources();
const statements = listStatementSources();

/** Filled before the first test: one program for everything that is compiled with the latest TypeORM. */
const onLatest = new Map<string, readonly string[]>();

beforeAll(() => {
	const sources = new Map([...documented, ...reference, ...statements]);
	for (const [path, errors] of findTypeErrors(sources, APPLICATION_OPTIONS)) onLatest.set(path, errors);
});

it("accepts every snippet of the documentation", () => {
	expect(documented.size).toBeGreaterThan(0);
	expect([...documented.keys()].flatMap((path) => onLatest.get(path))).toEqual([]);
});

it("accepts every snippet of the reference's README, one of which has a parameter that it does not use", () => {
	expect([...reference.keys()].flatMap((path) => onLatest.get(path))).toEqual([
		expect.stringMatching(/several-databases\.snippet\.ts.* TS6133: 'configService'/),
	]);
});

function describeStatements(packageName: string, readErrors: () => TypeErrors): void {
	describe(`The types, on ${packageName},`, () => {
		const find = (name: string): string[] => (readErrors().get(pathOfStatement(name)) ?? []).filter((error) => !UNUSED.test(error));

		it.each(Object.keys(ACCEPTED))("accept %s", (name) => {
			expect(find(name)).toEqual([]);
		});

		it.each(Object.keys(REFUSED))("refuse %s", (name) => {
			expect(find(name)).not.toEqual([]);
		});
	});
}

describeStatements("typeorm", () => onLatest);

describe.each(FORMER_TYPEORMS)("%s", (packageName) => {
	let errors: TypeErrors;

	beforeAll(() => {
		const { paths } = readCompilerOptions();
		const root = join(__dirname, "../../node_modules", packageName);
		errors = findTypeErrors(statements, { paths: { ...paths, typeorm: [root], "typeorm/*": [`${root}/*`] } });
	});

	describeStatements(packageName, () => errors);
});
