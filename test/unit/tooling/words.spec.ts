/** Prose uses the words of docs/internals/glossary.md: in sources, documents, and the titles of tests. */
import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";

import { PROJECT_ROOT, readDocuments, readProse } from "../../support/markdown.js";

/** Words that have no other sense here, and the ones to use instead. */
const REPLACED: readonly (readonly [pattern: RegExp, instead: string])[] = [
	[/\b(?:whoever|nobody|somebody|anybody|everybody)\b/i, "a noun of the field: caller, client, application"],
	[/\b(?:lend|lends|lent|lending|borrow|borrows|borrowed|loan|loans)\b/i, "acquire, release, in use"],
	[/\b(?:heal|heals|healed|healer|healing)\b/i, "recover, recovery"],
	[/\blook-ups?\b/i, "lookup"],
	[/\b(?:says? goodbye|parked|victims?)\b/i, "retire, waiting, older connection"],
];
const GLOSSARY = "docs/internals/glossary.md";
/** The one place that names the words, and what was written when they were in use. */
const EXCEPTIONS = [GLOSSARY, "test/unit/tooling/words.spec.ts"];

/** Names in code font, and addresses. */
const MARKDOWN_CODE = /`[^`\n]*`|\]\([^)\n]*\)/g;
const COMMENTS_AND_TEXTS = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g;
const TITLES = /\b(?:describe|describeEngines|it|test)(?:\.each\([^)]*\))?\(\s*(?:"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)/g;
/** Code in a docstring. */
const EXAMPLES = /@example[\s\S]*?\*\//g;
/** Words between backticks are names. */
const NAMES = /`[^`\n]*`/g;

const MAXIMUM_LENGTH = 120;

const documents = readDocuments().filter(({ path }) => !EXCEPTIONS.includes(path.split(sep).join("/")));

function listFiles(folder: string, ending: string): string[] {
	const names = readdirSync(join(PROJECT_ROOT, folder), { encoding: "utf8", recursive: true });
	return names
		.map((name) => `${folder}/${name.split(sep).join("/")}`)
		.filter((name) => name.endsWith(ending) && !EXCEPTIONS.includes(name))
		.sort();
}

function findReplaced(texts: readonly string[]): string[] {
	return texts.flatMap((text) =>
		REPLACED.flatMap(([pattern, instead]) => {
			const [word] = pattern.exec(text) ?? [];
			return word === undefined ? [] : [`"${word}" (${instead}): ${text.trim().slice(0, 100)}`];
		}),
	);
}

function read(file: string): string {
	return readFileSync(join(PROJECT_ROOT, file), "utf8");
}

describe("Prose", () => {
	it("of documents uses the words of the glossary", () => {
		const found = documents.map((document) => [
			document.path,
			findReplaced(readProse(document).map((line) => line.replace(MARKDOWN_CODE, ""))),
		]);

		expect(found.filter(([, words]) => words?.length !== 0)).toEqual([]);
	});

	it("of documents has lines of 120 characters at most, tables and addresses left out", () => {
		const long = documents.flatMap((document) =>
			readProse(document)
				.filter((line) => line.length > MAXIMUM_LENGTH && !/^\s*\||\]\(|https?:/.test(line))
				.map((line) => `${document.path}: ${line}`),
		);

		expect(long).toEqual([]);
	});

	it("of comments in src has lines of 120 characters at most", () => {
		const long = listFiles("src", ".ts").flatMap((file) =>
			read(file)
				.replace(EXAMPLES, "")
				.split("\n")
				.map((line) => line.trim())
				.filter((line) => line.length > MAXIMUM_LENGTH && /^(?:\/\/|\/?\*)/.test(line) && !/https?:/.test(line))
				.map((line) => `${file}: ${line}`),
		);

		expect(long).toEqual([]);
	});

	it("of comments and texts in src uses the words of the glossary", () => {
		const files = listFiles("src", ".ts");
		const found = files.map((file) => [
			file,
			findReplaced(
				(read(file).match(COMMENTS_AND_TEXTS) ?? []).map((text) => (text.startsWith("/") ? text.replace(NAMES, "") : text)),
			),
		]);

		expect(files.length).toBeGreaterThan(100);
		expect(found.filter(([, words]) => words?.length !== 0)).toEqual([]);
	});

	it("of test titles uses the words of the glossary", () => {
		const files = listFiles("test", ".spec.ts");
		const titles = files.map((file) => [file, findReplaced(read(file).match(TITLES) ?? [])]);

		expect(files.length).toBeGreaterThan(100);
		expect(titles.filter(([, words]) => words?.length !== 0)).toEqual([]);
	});
});

describe("The search", () => {
	it.each(["A caller borrows a connection.", "nobody waits", "a look-up"])("finds %s", (text) => {
		expect(findReplaced([text])).toHaveLength(1);
	});
});
