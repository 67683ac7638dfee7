/** An explanation as text: a table of fields, what else is given in code, and the problems with their remedies. */
import { cleanText } from "../errors/clean-text.js";
import type { ExplainedField, ExplainedProblem } from "../resolution/explain-fields.js";
import type { ConnectorExplanation } from "./explain-connector.js";

const NOTHING = "–";

/**
 * Lays out what `explain()` answers, for a terminal or a log.
 * @example
 * console.log(renderExplanation(await connector.explain()));
 */
export function renderExplanation({ connector, fields, options, problems }: ConnectorExplanation): string {
	const rows = fields.map((field) => [field.label, renderValue(field), field.source, field.path ?? NOTHING]);
	const given = options.map(({ option, value }) => [option, String(value), "code", NOTHING]);
	return [
		`Connector "${connector}"`,
		"",
		...renderTable([["FIELD", "VALUE", "SOURCE", "PARAMETER"], ...rows, ...given]),
		"",
		...renderProblems(problems),
	].join("\n");
}

/** The problems, numbered, each with its remedy; one line when there is none. */
export function renderProblems(problems: readonly ExplainedProblem[]): string[] {
	if (problems.length === 0) return ["No problem."];
	return [
		problems.length === 1 ? "1 problem" : `${String(problems.length)} problems`,
		...problems.flatMap((problem, index) => [
			`  ${String(index + 1)}. ${problem.message.replaceAll("\n", "\n     ")}`,
			...renderPlace(problem),
			`     > ${problem.remedy}`,
		]),
	];
}

/** Columns as wide as their longest cell. */
export function renderTable(given: readonly (readonly string[])[]): string[] {
	const rows = given.map((cells) => cells.map((cell) => cleanText(cell, Infinity)));
	const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
	return rows.map((cells) =>
		cells
			.map((cell, column) => cell.padEnd(widths[column] ?? 0))
			.join("  ")
			.trimEnd(),
	);
}

/** Field and parameter, where the message does not name them. */
function renderPlace({ label, message, path }: ExplainedProblem): string[] {
	const unnamed = [label, path].filter((name) => name !== undefined && !message.includes(name));
	return unnamed.length === 0 ? [] : [`     ${unnamed.join("  ")}`];
}

function renderValue({ value }: ExplainedField): string {
	return value === undefined ? NOTHING : String(value);
}
