/** What a doctor says: the explanation, what was tried beyond it, and every problem. */
import type { ConnectorExplanation } from "../connector/explain-connector.js";
import type { ExplainedProblem } from "../resolution/explain-fields.js";
import type { Session } from "./open-session.js";

/** A fault found by trying. `code` is ours, the driver's, the server's or Node's. */
export interface FoundProblem extends Omit<ExplainedProblem, "code"> {
	readonly code: string;
}

/** One thing that was tried. `skipped` says what it waits for. */
export interface Check {
	readonly detail: string;
	readonly name: "login" | "parameters" | "secret" | "server";
	readonly outcome: "failed" | "passed" | "skipped";
}

/** What one look came to. */
export interface Examination {
	readonly check: Check;
	readonly problems: readonly FoundProblem[];
}

/** Everything, as `--json` prints it. */
export interface Diagnosis extends Omit<ConnectorExplanation, "connector" | "problems"> {
	readonly checks: readonly Check[];
	/** Warnings of the connector itself. */
	readonly notes: readonly string[];
	readonly problems: readonly FoundProblem[];
}

/** The outcome of a look that did not find fault. */
export function pass(name: Check["name"], detail: string): Examination {
	return { check: { detail, name, outcome: "passed" }, problems: [] };
}

/** The outcome of a look that could not be taken. */
export function skip(name: Check["name"], detail: string): Examination {
	return { check: { detail, name, outcome: "skipped" }, problems: [] };
}

/** The outcome of a look that found fault. */
export function fail(name: Check["name"], problem: FoundProblem): Examination {
	return { check: { detail: problem.label ?? problem.code, name, outcome: "failed" }, problems: [problem] };
}

/** The value of a field that could be used; `undefined` where there is none. */
export function readValue({ explanation }: Session, field: string): boolean | number | string | undefined {
	return explanation.fields.find((row) => row.field === field)?.value;
}

/** The name of a field's parameter, where the value comes from there; `undefined` when it is given in code or not needed. */
export function readPath({ explanation }: Session, field: string): string | undefined {
	const row = explanation.fields.find((candidate) => candidate.field === field);
	return row?.source === "code" || row?.source === "unneeded" ? undefined : row?.path;
}

/** A clause as the beginning of a sentence. */
export function capitalize(clause: string): string {
	return `${clause.slice(0, 1).toUpperCase()}${clause.slice(1)}`;
}
