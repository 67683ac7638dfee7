/** The result of the matrix as a page of the documentation. */

/** One set of versions: whether each of its checks passed. */
export interface MatrixRow {
	readonly label: string;
	readonly passed: Readonly<Record<string, boolean>>;
}

/** A table with a column for each check that any of the sets has. */
export function renderMatrix(rows: readonly MatrixRow[], nodeVersion: string): string {
	const checks = [...new Set(rows.flatMap(({ passed }) => Object.keys(passed)))];
	const lines = [
		["versions", ...checks],
		["---", ...checks.map(() => ":-:")],
		...rows.map((row) => [row.label, ...checks.map(toMark(row))]),
	];
	return [
		"# What was installed and run",
		"",
		"Written by `npm run test:matrix -- --table`. Each row is installed strictly from the packed package; an application of it",
		`connects, queries, rotates, recovers and closes. Node.js ${nodeVersion}, but for the columns that name another major.`,
		"",
		...lines.map((cells) => `| ${cells.join(" | ")} |`),
		"",
		"`types` compiles a consumer with `skipLibCheck: false` under `nodenext`, the others under the resolution they name.",
		"",
	].join("\n");
}

const toMark =
	({ passed }: MatrixRow) =>
	(check: string): string =>
		passed[check] === undefined ? "" : passed[check] ? "✓" : "✗";
