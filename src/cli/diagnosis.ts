/** What a doctor says: the explanation, what was tried beyond it, and every problem. */
import { parseArn } from "../aws/parse-arn.js";
import type { ConnectorExplanation } from "../connector/explain-connector.js";
import type { ExplainedField, ExplainedProblem } from "../resolution/explain-fields.js";
import type { Session } from "./open-session.js";

/** A fault found by trying. `code` is ours, the driver's, the server's or Node's. */
export interface FoundProblem extends Omit<ExplainedProblem, "code"> {
	readonly code: string;
}

/** One thing that was tried. `skipped` says what it waits for. */
export interface Check {
	readonly detail: string;
	/** `parameters`, `secret`, `server` or `login`; of a replica with `replicas[0].` before it. */
	readonly name: string;
	readonly outcome: "failed" | "passed" | "skipped";
}

/** What one look came to. */
export interface Examination {
	readonly check: Check;
	readonly problems: readonly FoundProblem[];
}

/** Everything, as `--json` prints it. */
export interface Diagnosis extends Omit<ConnectorExplanation, "connector" | "problems"> {
	/** Where AWS was asked. The account is that of the ARNs that were found. */
	readonly asked: { readonly account: string | undefined; readonly region: string | undefined };
	readonly checks: readonly Check[];
	/** Rises when a field of this object changes its meaning or goes. */
	readonly formatVersion: 1;
	/** Warnings of the connector itself. */
	readonly notes: readonly string[];
	readonly problems: readonly FoundProblem[];
}

/**
 * The account of the connector's own parameters; where none was read, that of its secrets. `undefined` where there are
 * several: a secret or a parameter may be shared by another account.
 */
export function findAccount({ explanation, survey }: Session): string | undefined {
	const isShared = (path: string): boolean => path.startsWith("arn:");
	const parameters = explanation.fields.flatMap(({ path }) => (path === undefined || isShared(path) ? [] : [survey.find(path)?.ARN]));
	const secrets = explanation.fields.map(({ field, value }) => (field.endsWith("secretId") ? String(value) : undefined));
	const [own, others] = [parameters, secrets].map((arns) => listAccounts(arns)) as [string[], string[]];
	const found = own.length > 0 ? own : others;
	return found.length === 1 ? found[0] : undefined;
}

function listAccounts(arns: readonly (string | undefined)[]): string[] {
	const accounts = arns.flatMap((arn) => (arn === undefined ? [] : (parseArn(arn)?.account ?? [])));
	return [...new Set(accounts.filter((account) => /^\d{12}$/.test(account)))];
}

/** The outcome of a look that did not find fault. */
export function pass(name: string, detail: string): Examination {
	return { check: { detail, name, outcome: "passed" }, problems: [] };
}

/** The outcome of a look that could not be taken. */
export function skip(name: string, detail: string): Examination {
	return { check: { detail, name, outcome: "skipped" }, problems: [] };
}

/** The outcome of a look that found fault. */
export function fail(name: string, problem: FoundProblem): Examination {
	return { check: { detail: problem.label ?? problem.code, name, outcome: "failed" }, problems: [problem] };
}

/**
 * What stands before the names of the fields and checks of each server: nothing for the connector's own, then
 * `replicas[0].` and so on.
 */
export function listPrefixes({ config }: Session): readonly string[] {
	return ["", ...(config.replicas ?? []).map((_, index) => `replicas[${String(index)}].`)];
}

/** The row of a field; of the connector's own, where a replica follows that. */
export function findRow({ explanation: { fields } }: Session, field: string, prefix = ""): ExplainedField | undefined {
	return fields.find((row) => row.field === `${prefix}${field}`) ?? fields.find((row) => row.field === field);
}

/** The value of a field that could be used, as it is; `undefined` where there is none. */
export function readValue({ values }: Session, field: string, prefix = ""): boolean | number | string | undefined {
	return values.get(`${prefix}${field}`) ?? values.get(field);
}

/** The same as it may be shown. */
export function showValue(session: Session, field: string, prefix = ""): string {
	return String(findRow(session, field, prefix)?.value ?? "");
}

/**
 * The name of a field's parameter, where the value comes from there; `undefined` when it is given in code or not
 * needed.
 */
export function readPath(session: Session, field: string, prefix = ""): string | undefined {
	const row = findRow(session, field, prefix);
	return row?.source === "code" || row?.source === "not-required" ? undefined : row?.path;
}

/** The name of a field in messages. */
export function readLabel(session: Session, field: string, prefix = ""): string {
	return findRow(session, field, prefix)?.label ?? field;
}

/** A clause as the beginning of a sentence. */
export function capitalize(clause: string): string {
	return `${clause.slice(0, 1).toUpperCase()}${clause.slice(1)}`;
}
