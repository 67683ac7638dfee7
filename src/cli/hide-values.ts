/** Values of SecureStrings, hidden in whatever a diagnosis says. */
import { HIDDEN } from "../resolution/explain-fields.js";
import type { Diagnosis } from "./diagnosis.js";
import type { Session } from "./open-session.js";

/** Shorter values are hidden in the table only: they would be found in every other word. */
const MINIMUM_LENGTH = 3;

/**
 * The diagnosis without the values of SecureStrings in the texts of checks, notes and problems: a lookup may lead to a
 * password, and servers, drivers and AWS repeat the names that they are given.
 */
export function hideSecureValues(diagnosis: Diagnosis, session: Session): Diagnosis {
	const pattern = buildPattern(listSecureValues(session));
	if (pattern === undefined) return diagnosis;
	const hide = (text: string): string => text.replace(pattern, HIDDEN);
	const { checks, notes, problems } = diagnosis;
	return {
		...diagnosis,
		checks: checks.map((check) => ({ ...check, detail: hide(check.detail) })),
		notes: notes.map(hide),
		problems: problems.map((problem) => ({ ...problem, message: hide(problem.message), remedy: hide(problem.remedy) })),
	};
}

function listSecureValues({ explanation, logins, values }: Session): string[] {
	const fields = explanation.fields.flatMap(({ field, value }) => (value === HIDDEN ? (values.get(field) ?? []) : []));
	const users = [...logins.values()].flatMap((login) => (login?.isUsernameSecure === true ? (login.username ?? []) : []));
	return [...fields, ...users].map(String).filter((text) => text.length >= MINIMUM_LENGTH);
}

/** The longest first, since one may be the beginning of another. A part of a longer name or path is another name. */
function buildPattern(values: readonly string[]): RegExp | undefined {
	if (values.length === 0) return undefined;
	const sorted = [...new Set(values)].sort((left, right) => right.length - left.length);
	const escaped = sorted.map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
	return new RegExp(`(?<![\\w/-])(?:${escaped.join("|")})(?![\\w/-])`, "g");
}
