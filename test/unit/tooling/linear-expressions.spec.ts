/** Each regular expression of src is linear: 100 KB of hostile text keep it busy for milliseconds, where a quadratic one takes seconds. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import ts from "typescript";

const SOURCE = join(__dirname, "..", "..", "..", "src");
const LENGTH = 100_000;
/** Of the processor, so that a busy machine changes nothing. The slowest linear one takes a tenth of it. */
const LIMIT_MS = 500;

interface Expression {
	readonly flags: string;
	readonly place: string;
	readonly source: string;
}

function listExpressions(): Expression[] {
	const files = readdirSync(SOURCE, { encoding: "utf8", recursive: true }).filter((name) => name.endsWith(".ts"));
	return files.flatMap((file) => {
		const text = readFileSync(join(SOURCE, file), "utf8");
		const parsed = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
		const found: Expression[] = [];
		const visit = (node: ts.Node): void => {
			if (ts.isRegularExpressionLiteral(node)) {
				const [, source = "", flags = ""] = /^\/(.*)\/([a-z]*)$/s.exec(node.text) ?? [];
				found.push({ flags: flags.replace(/[gy]/g, ""), place: `${file} ${node.text}`, source });
			}
			ts.forEachChild(node, visit);
		};
		visit(parsed);
		return found;
	});
}

/** What stands in an expression as it is: its beginning repeated is what makes one start again and again. */
function listLiterals(source: string): string[] {
	const plain = source.replaceAll(/\\([^\w])/g, "$1").replaceAll(/\(\?[:!=]|[()|^$]/g, "\n");
	return plain.split(/\n|\[[^\]]*\]|\\\w/).filter((part) => part.length > 0 && part.length < 60);
}

const PIECES = [
	" ",
	"\n",
	"\t ",
	".",
	". ",
	"a",
	"A",
	"0",
	"-",
	"_",
	"-a",
	"a-",
	"a.",
	"aaaaaa-",
	"-aaaaaa",
	"/",
	"//",
	"://",
	"://a",
	"a@",
	":",
	"a:",
	"arn:",
	"arn:aws:",
	",",
	'"',
	"'",
	"{",
	"[",
	"\\",
	"\u0000",
	"\u001b[",
	"\u202e",
	"é",
	"😀",
	"0x",
	"1.",
	"-----BEGIN CERTIFICATE-----",
	"-----BEGIN CERTIFICATE-----a",
	"-----END CERTIFICATE-----",
	"CN=Amazon RDS ",
	"no pg_hba.conf entry for ",
];
const ENDS = ["", "x", "!", "\n", " .", "@", "\u0000"];

function measureMs(expression: RegExp, text: string): number {
	const before = process.cpuUsage();
	expression.test(text);
	const { system, user } = process.cpuUsage(before);
	return (system + user) / 1_000;
}

/** The input that keeps the expression busy for longest. */
function findSlowest({ flags, source }: Expression, length = LENGTH): { readonly ms: number; readonly piece: string } {
	const expression = new RegExp(source, flags);
	let slowest = { ms: 0, piece: "" };
	for (const piece of [...PIECES, ...listLiterals(source)]) {
		const body = piece.repeat(Math.ceil(length / piece.length));
		for (const end of ENDS) {
			const ms = measureMs(expression, `${body}${end}`);
			if (ms > slowest.ms) slowest = { ms, piece: `${piece} … ${end}` };
			if (ms > LIMIT_MS) return slowest;
		}
	}
	return slowest;
}

const expressions = listExpressions();

it("finds the expressions", () => {
	expect(expressions.length).toBeGreaterThan(30);
	expect(expressions.map(({ place }) => place)).toContain("cli/parse-arguments.ts /^\\d{12}$/");
});

it.each([
	["blanks before the end", "[.\\s]+$"],
	["two neighbours of one kind", "^\\d+\\d+$"],
])("tells an expression that is not linear: %s", (_, source) => {
	// Shorter, since these are what the limit is for.
	expect(findSlowest({ flags: "", place: "", source }, LENGTH / 2).ms).toBeGreaterThan(LIMIT_MS);
});

it.each(expressions.map((expression) => [expression.place, expression] as const))("%s", (_, expression) => {
	const { ms, piece } = findSlowest(expression);

	expect({ isLinear: ms <= LIMIT_MS, piece }).toMatchObject({ isLinear: true });
});
