/** Full names of parameters: a path or an ARN, with a version or a label behind it where one is pinned. */
import { parseArnOf } from "./parse-arn.js";

/**
 * A full name, taken apart. @see
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
 */
export interface ParameterName {
	/** Account of a parameter that is named by its ARN. */
	readonly account: string | undefined;
	/** The path, as `aws ssm put-parameter` takes it: `/prod/db/host`. */
	readonly path: string;
	/** Partition of a parameter that is named by its ARN. */
	readonly partition: string | undefined;
	/** Region of a parameter that is named by its ARN. */
	readonly region: string | undefined;
	/** `:3` for a version, `:live` for a label; empty for the newest version. */
	readonly selector: string;
}

const MAXIMUM_LEVELS = 15;
const MAXIMUM_LENGTH = 1_011;
const SEGMENT = /^[\w.-]+$/;
/** Below it Parameter Store answers with secrets, whose names may hold more characters. */
const SECRET_REFERENCE = "/aws/reference/secretsmanager/";
const SECRET_NAME_SEGMENT = /^[\w/+=.@!-]+$/;
const VERSION = /^[1-9]\d{0,8}$/;
const LABEL = /^[A-Za-z_.-][\w.-]{0,99}$/;

/** Whether a lookup is a text, and therefore meant as a full name. */
export function isFullName(lookup: unknown): lookup is string {
	return typeof lookup === "string";
}

/**
 * The fault of a full name, as the end of a sentence; `undefined` where it can be used. The text is not quoted: it may
 * be a value in the wrong place.
 */
export function findParameterNameFault(text: string): string | undefined {
	const { path, selector } = split(text.trim());
	if (text.trim().startsWith("arn:")) {
		if (parseArnOf("ssm", text.trim())?.resource.startsWith("parameter/") !== true) {
			return "must be the ARN of a parameter: arn:aws:ssm:<region>:<account>:parameter/<name>";
		}
	} else if (!path.startsWith("/")) {
		return 'must begin with "/", or be the ARN of a parameter (for a name without "/": arn:aws:ssm:<region>:<account>:parameter/<name>)';
	}
	return findPathFault(path) ?? findSelectorFault(selector);
}

/** The parts of a full name without a fault. */
export function parseParameterName(text: string): ParameterName {
	const arn = parseArnOf("ssm", text.trim());
	return { account: arn?.account, ...split(text.trim()), partition: arn?.partition, region: arn?.region };
}

/** Path and selector. Of a name without a slash, which only an ARN can stand for, the path is that name. */
function split(text: string): { readonly path: string; readonly selector: string } {
	const arn = parseArnOf("ssm", text);
	const name = arn === undefined ? text : arn.resource.replace(/^parameter/, "");
	const at = name.lastIndexOf(":");
	const [path, selector] = at === -1 ? [name, ""] : [name.slice(0, at), name.slice(at)];
	const isSimple = arn !== undefined && path.lastIndexOf("/") === 0;
	return { path: isSimple ? path.slice(1) : path, selector };
}

function findPathFault(path: string): string | undefined {
	if (path.startsWith(SECRET_REFERENCE)) {
		return SECRET_NAME_SEGMENT.test(path.slice(SECRET_REFERENCE.length)) ? undefined : "must name a secret behind its prefix";
	}
	if (path.length > MAXIMUM_LENGTH) return `must not be longer than ${String(MAXIMUM_LENGTH)} characters`;
	const segments = path.startsWith("/") ? path.slice(1).split("/") : [path];
	if (segments.includes("")) return "must not have an empty segment";
	if (segments.length > MAXIMUM_LEVELS) return `must not have more than ${String(MAXIMUM_LEVELS)} segments`;
	return segments.every((segment) => SEGMENT.test(segment)) ? undefined : "may only hold letters, digits, and . - _ between its slashes";
}

function findSelectorFault(selector: string): string | undefined {
	if (selector === "" || VERSION.test(selector.slice(1)) || LABEL.test(selector.slice(1))) return undefined;
	return "must end in the number of a version (:3) or in a label (:live), where it has a colon";
}
