/** Where a rotation may take the connections of a live application to. */
import { isIP } from "node:net";

import { isAwsDatabaseHost } from "../aws/database-host.js";
import { isObject } from "../support/check-options.js";

/** A host name, or `*.` before the end of one. */
const PATTERN = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_-])?\.?$/i;

/**
 * Whether connections may move from one host to another without a restart: never from a database of AWS to a host of
 * another owner, unless the list allows that host. Who may write a parameter could otherwise have the password and all
 * queries of a live application.
 * @param allowedHosts host names, or `*.example.com` for every name below one.
 */
export function isAllowedMove(from: string, to: string, allowedHosts: readonly string[] = []): boolean {
	const [left, right] = [normalize(from), normalize(to)];
	if (left === right || !isAwsDatabaseHost(left) || isAwsDatabaseHost(right)) return true;
	return allowedHosts.some((pattern) => matches(right, normalize(pattern)));
}

/**
 * The fault of a given list, as the end of `Option "rotation.allowedHosts" …`; `undefined` where the value can be used.
 */
export function findAllowedHostsFault(value: unknown): string | undefined {
	const isList = isObject(value) && Array.isArray(value) && value.length > 0;
	const isUsable =
		isList && Array.from(value as unknown[]).every((host) => typeof host === "string" && (isIP(host) !== 0 || PATTERN.test(host)));
	return isUsable ? undefined : 'must be a list of host names, or of texts such as "*.example.com"';
}

function matches(host: string, pattern: string): boolean {
	return pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1 : host === pattern;
}

function normalize(host: string): string {
	return host.toLowerCase().replace(/\.$/, "");
}
