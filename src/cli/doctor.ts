/** `doctor`: everything that is wrong between here and the first query, at once. */
import { renderExplanation, renderProblems, renderTable } from "../connector/render-explanation.js";
import { cleanText } from "../errors/clean-text.js";
import type { ExplainedProblem } from "../resolution/explain-fields.js";
import { type Check, type Diagnosis, type Examination, fail, findAccount, type FoundProblem, pass, skip } from "./diagnosis.js";
import { examineLogins } from "./examine-login.js";
import { examineSecrets } from "./examine-secret.js";
import { examineServers } from "./examine-server.js";
import { hideSecureValues } from "./hide-values.js";
import type { Session } from "./open-session.js";

const MARKS = { failed: "✗", passed: "✓", skipped: "–" } as const;

/** Told of each check as it ends, with values that may be shown. */
export type OnCheck = (line: string) => void;

/**
 * Looks at the parameters, then at secrets and servers side by side, then logs in to each server if all of them are
 * well.
 */
export async function diagnose(session: Session, notes: readonly string[], onCheck: OnCheck = () => undefined): Promise<Diagnosis> {
	const { explanation, region } = session;
	const report = (examinations: readonly Examination[]): readonly Examination[] => {
		const { checks } = hideSecureValues(describe(examinations), session);
		for (const check of checks) onCheck(renderCheck(check).join("  "));
		return examinations;
	};
	const describe = (examinations: readonly Examination[]): Diagnosis => {
		const problems = examinations.flatMap((examination) => examination.problems);
		return {
			asked: { account: findAccount(session), region },
			checks: examinations.map(({ check }) => check),
			fields: explanation.fields,
			formatVersion: 1,
			isValid: problems.length === 0,
			notes,
			options: explanation.options,
			problems,
		};
	};
	const parameters = report([examineParameters(session)]);
	const others = await Promise.all([examineSecrets(session).then(report), examineServers(session).then(report)]);
	const found = [...parameters, ...others.flat()];
	const isWell = found.every(({ problems }) => problems.length === 0);
	const logins = report(isWell ? await examineLogins(session) : [skip("login", "waits for what is to be corrected first")]);
	return hideSecureValues(describe([...found, ...logins]), session);
}

/** What a person reads: the verdict with every problem, then what was asked, tried and found. */
export function renderDiagnosis({ asked, checks, fields, notes, options, problems }: Diagnosis, title: string): string {
	const table = renderExplanation({ connector: title, fields, isValid: true, options, problems: [] });
	const account = asked.account === undefined ? "" : `, account ${asked.account}`;
	return [
		...renderProblems(problems as readonly ExplainedProblem[]),
		"",
		`Asked: region ${asked.region ?? "of the SDK"}${account}`,
		// The last line is the verdict of the explanation alone.
		...table.split("\n").slice(0, -2),
		"",
		...renderTable(checks.map(renderCheck)),
		...(notes.length === 0 ? [] : ["", ...notes.map((note) => ` ! ${cleanText(note, Infinity)}`)]),
	].join("\n");
}

function renderCheck({ detail, name, outcome }: Check): string[] {
	return [` ${MARKS[outcome]}`, name, detail];
}

function examineParameters(session: Session): Examination {
	const { fields } = session.explanation;
	const problems = [...gatherPlaceless(session), ...session.explanation.problems.flatMap((problem) => refine(session, problem))];
	const [first] = problems;
	if (first === undefined) {
		const count = fields.filter(({ source }) => source === "parameter").length;
		return pass("parameters", `${String(count)} read, nothing is missing`);
	}
	const labels = problems.map(({ code, label }) => label ?? code);
	return { check: { ...fail("parameters", first).check, detail: labels.join(", ") }, problems };
}

/**
 * Without the segments of the application's own, most fields have no place: one problem, and not one for each of them.
 */
function gatherPlaceless({ explanation: { problems }, options }: Session): FoundProblem[] {
	const flags = listMissingFlags(options);
	const labels = problems.filter((problem) => isPlaceless(problem, flags)).map(({ label }) => label);
	if (labels.length === 0) return [];
	return [
		{
			code: "ERR_CONNECTOR_LOOKUP_INVALID",
			label: labels.join(", "),
			message:
				"The parameters of some fields are below a namespace and an instance of the application's own, and these are not named.",
			path: undefined,
			remedy: `Add ${flags.join(" and ")}, as the ParameterStoreConfigModule is registered with.`,
		},
	];
}

function listMissingFlags({ instance, namespace }: Session["options"]): string[] {
	return [...(namespace === undefined ? ["--namespace"] : []), ...(instance === undefined ? ["--instance"] : [])];
}

function isPlaceless({ code, label, path }: ExplainedProblem, flags: readonly string[]): boolean {
	return flags.length > 0 && code === "ERR_CONNECTOR_LOOKUP_INVALID" && label !== undefined && path === undefined;
}

/** What only the command line knows of a problem: the type of the parameter. */
function refine({ options, survey }: Session, problem: ExplainedProblem): FoundProblem[] {
	const { code, path, remedy } = problem;
	if (isPlaceless(problem, listMissingFlags(options))) return [];
	const type = path === undefined ? undefined : survey.find(path)?.Type;
	if (type === "SecureString" && code === "ERR_CONNECTOR_PARAMETER_INVALID" && !survey.isDecrypted) {
		return [{ ...problem, remedy: "Add --decrypt here, and shouldDecryptParameters: true in the application." }];
	}
	if (type === "StringList")
		return [{ ...problem, remedy: `Delete the parameter, then: ${remedy.replace("--overwrite", "--type String")}` }];
	return [problem];
}
