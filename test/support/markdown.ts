/** Reads the project's Markdown as far as tests of the documentation need it: code blocks, links, tables and code spans. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Top folder of the project. */
export const PROJECT_ROOT = join(__dirname, "../..");

/** One Markdown file. */
export interface MarkdownDocument {
	readonly lines: readonly string[];
	/** Relative to the project, with slashes. */
	readonly path: string;
}

/** A fenced block. */
export interface CodeBlock {
	/** Number of the line with the closing fence, starting with 1. */
	readonly endLine: number;
	/** What stands behind the opening fence. */
	readonly language: string;
	readonly text: string;
}

/** The README, what else people wrote beside it, and everything below docs. */
export function readDocuments(): MarkdownDocument[] {
	const names = [
		...readdirSync(PROJECT_ROOT),
		...readdirSync(join(PROJECT_ROOT, "docs"), { encoding: "utf8", recursive: true }).map(inDocs),
	];
	return names
		.filter((name) => name.endsWith(".md"))
		.sort()
		.map(readDocument);
}

/** One file. */
export function readDocument(path: string): MarkdownDocument {
	return { lines: readFileSync(join(PROJECT_ROOT, path), "utf8").split("\n"), path };
}

/** The lines, with empty ones in the place of fenced blocks. */
export function readProse({ lines }: MarkdownDocument): string[] {
	let isCode = false;
	return lines.map((line) => {
		const isFence = line.startsWith("```");
		if (isFence) isCode = !isCode;
		return isFence || isCode ? "" : line;
	});
}

/** Every fenced block, in order. */
export function findCodeBlocks({ lines }: MarkdownDocument): CodeBlock[] {
	const blocks: CodeBlock[] = [];
	let opened: { readonly language: string; readonly startIndex: number } | undefined;
	for (const [index, line] of lines.entries()) {
		if (!line.startsWith("```")) continue;
		if (opened === undefined) {
			opened = { language: line.slice(3).trim(), startIndex: index + 1 };
			continue;
		}
		blocks.push({ endLine: index + 1, language: opened.language, text: lines.slice(opened.startIndex, index).join("\n") });
		opened = undefined;
	}
	return blocks;
}

/** Targets of the links outside of code, in order. */
export function findLinks(document: MarkdownDocument): string[] {
	const prose = readProse(document)
		.join("\n")
		.replaceAll(/`[^`]*`/g, "");
	return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
}

/** What `#…` in a link to this document may name. */
export function findAnchors(document: MarkdownDocument): string[] {
	return readProse(document).flatMap((line) => {
		const heading = /^#+ (.*)$/.exec(line)?.[1];
		return heading === undefined
			? []
			: heading
					.toLowerCase()
					.replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
					.replaceAll(" ", "-");
	});
}

/** The cells of the table whose first heading this is, without its two heading lines. Throws when there is no such table. */
export function readTable({ lines, path }: MarkdownDocument, firstHeading: string): string[][] {
	const start = lines.findIndex((line) => splitRow(line)[0] === firstHeading);
	if (start < 0) throw new Error(`${path} has no table that begins with "${firstHeading}"`);
	const end = lines.findIndex((line, index) => index > start && !line.startsWith("|"));
	return lines.slice(start + 2, end < 0 ? undefined : end).map(splitRow);
}

/** What stands between backticks in one line. */
export function findCodeSpans(text: string): string[] {
	return [...text.matchAll(/`([^`]+)`/g)].map(([, span = ""]) => span);
}

function inDocs(name: string): string {
	return `docs/${name.replaceAll("\\", "/")}`;
}

function splitRow(line: string): string[] {
	return line.startsWith("|")
		? line
				.split("|")
				.slice(1, -1)
				.map((cell) => cell.trim())
		: [];
}
