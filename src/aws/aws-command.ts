/** Commands of the AWS command line, to be pasted into a POSIX shell. None of them holds a value. */
import { parseParameterName } from "./parameter-name.js";

/** A word for a POSIX shell. */
export function quoteForShell(text: string): string {
	return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * What gives a parameter its value.
 * @param name full name or ARN, with a version or a label where one is pinned.
 * @param value what stands behind `--value`, quoted where it has to be.
 * @param type of a parameter that does not exist; `undefined` for one that does.
 */
export function describePutParameter(name: string, value: string, type?: "SecureString" | "String"): string {
	const { account, path, region, selector } = parseParameterName(name);
	if (type !== undefined && selector !== "") return describeHistory(name);
	const mode = type === undefined ? "--overwrite" : `--type ${type}`;
	const place = region === undefined ? "" : ` --region ${region}`;
	const command = `aws ssm put-parameter --name ${quoteForShell(path)} ${mode} --value ${value}${place}`;
	const accountNote = account === undefined ? "" : `   # in account ${account}, to which the parameter belongs`;
	const pinned = selector === "" ? "" : `   # then let the lookup end in the new version instead of "${selector}"`;
	return `${command}${accountNote}${pinned}`;
}

/** What shows the versions and labels of a parameter. */
function describeHistory(name: string): string {
	const { path, region } = parseParameterName(name);
	const place = region === undefined ? "" : ` --region ${region}`;
	return `aws ssm get-parameter-history --name ${quoteForShell(path)}${place} --query 'Parameters[].[Version,Labels]'`;
}
