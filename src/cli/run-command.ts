/** From a command line to what is printed, and to the exit code. */
import { cleanLines, stringifyClean } from "../errors/clean-text.js";
import { runDev } from "./dev.js";
import type { Diagnosis } from "./diagnosis.js";
import { diagnose, renderDiagnosis } from "./doctor.js";
import { closeSession, openSession, type Session } from "./open-session.js";
import { parseArguments, UsageError } from "./parse-arguments.js";
import { describePolicy } from "./policy.js";
import { provision } from "./provision.js";
import { renderTable } from "../connector/render-explanation.js";
import { USAGE } from "./usage.js";

/** What a program has of the world. */
export interface ProcessIo {
	/** Collects the warnings that the library logs from now on. */
	readonly collectNotes: () => readonly string[];
	readonly printError: (text: string) => void;
	readonly print: (text: string) => void;
	readonly readVersion: () => string;
}

/** Exit codes. */
const EXIT_OK = 0;
const PROBLEM = 1;
const USAGE_ERROR = 2;

/** What a reviewer of a policy has to know of the other side of it. */
const WRITE_ACCESS =
	"Write access to these parameters and to this secret is access to the database: they decide where the password goes. Allow ssm:PutParameter\n" +
	"and secretsmanager:PutSecretValue on them to the identities that may have the data, and to no others.";

/** Runs one command. Rejects only for faults of this program itself. */
export async function runCommand(commandLine: readonly string[], outerIo: ProcessIo): Promise<number> {
	const processIo = cleanIo(outerIo);
	const { print, printError, readVersion } = processIo;
	try {
		const [first, ...rest] = commandLine;
		if (first === "dev" && !isHelp(rest)) return await runDev(rest, processIo);
		const { command, options } = parseArguments(first === "dev" ? ["help"] : commandLine);
		if (options === undefined) {
			print(command === "help" ? USAGE : readVersion());
			return EXIT_OK;
		}
		const notes = processIo.collectNotes();
		const session = await openSession(options);
		try {
			if (command === "doctor") return await runDoctor(session, notes, processIo);
			return command === "policy" ? runPolicy(session, processIo) : await runProvision(session, processIo);
		} finally {
			closeSession(session);
		}
	} catch (error) {
		if (!(error instanceof UsageError)) throw error;
		printError(`${error.message}\nAll options: nestjs-typeorm-aws-connector --help`);
		return USAGE_ERROR;
	}
}

function isHelp([first]: readonly string[]): boolean {
	return first === "--help" || first === "-h";
}

/**
 * Texts of servers, of parameters and of AWS are part of what is printed: a terminal is to show them, and not to obey.
 */
function cleanIo({ print, printError, ...rest }: ProcessIo): ProcessIo {
	return { ...rest, print: (text) => print(cleanLines(text)), printError: (text) => printError(cleanLines(text)) };
}

async function runDoctor(session: Session, notes: readonly string[], { print, printError }: ProcessIo): Promise<number> {
	const { application, environment, json: isJson } = session.options;
	// Data is for a program, which has no use for progress.
	const diagnosis: Diagnosis = await diagnose(session, notes, isJson === true ? undefined : printError);
	const title = application === undefined ? "options in code" : `/${application}/${String(environment)}`;
	print(isJson === true ? stringifyClean(diagnosis) : renderDiagnosis(diagnosis, title));
	return diagnosis.isValid ? EXIT_OK : PROBLEM;
}

/** The policy alone goes to the standard output, so that it can go into a file. */
function runPolicy(session: Session, { print, printError }: ProcessIo): number {
	const answer = describePolicy(session);
	if ("missing" in answer) {
		printError(["The policy cannot be written yet:", ...answer.missing.map((what) => `  - ${what}`)].join("\n"));
		return PROBLEM;
	}
	print(stringifyClean(answer.policy));
	printError(WRITE_ACCESS);
	return EXIT_OK;
}

async function runProvision(session: Session, { print }: ProcessIo): Promise<number> {
	const report = await provision(session);
	const { steps, unresolved } = report;
	const isPlanned = steps.some(({ outcome }) => outcome === "planned");
	const hasFailed = unresolved.length > 0 || steps.some(({ outcome }) => outcome === "failed");
	if (session.options.json === true) {
		print(stringifyClean(report));
		return hasFailed ? PROBLEM : EXIT_OK;
	}
	const rows = steps.map(({ detail, kind, name, outcome }) => [outcome, kind, name, detail]);
	print(
		[
			...(rows.length === 0 ? ["Nothing is missing."] : renderTable(rows)),
			...(unresolved.length === 0
				? []
				: ["", "Nothing is created before this is settled:", ...unresolved.map((what) => `  - ${what}`)]),
			...(isPlanned ? ["", "Nothing was changed. Add --apply to create what is planned."] : []),
		].join("\n"),
	);
	return hasFailed ? PROBLEM : EXIT_OK;
}
