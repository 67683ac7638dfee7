/** Databases of AWS by the names of their hosts: which service, which region. */
import { findPartition, isRegionName, splitAwsHost } from "./aws-partitions.js";

/** `dsql`, and over PrivateLink `dsql-<service>`. */
const DSQL_LABEL = /^dsql(?:-[a-z0-9]+)?$/;

/** Whether AWS runs the database behind this name. */
export function isAwsDatabaseHost(host: string): boolean {
	return isRdsHost(host) || isDsqlHost(host);
}

/**
 * Whether the name is one of RDS, whose certificates mostly come from authorities of its own: instances, clusters,
 * custom endpoints, RDS Proxy and the global writer endpoint. The region stands before `rds` or behind it.
 */
export function isRdsHost(host: string): boolean {
	return splitRdsHost(host) !== undefined;
}

/** Whether only Aurora DSQL can be behind the name. */
export function isDsqlHost(host: string): boolean {
	return splitDsqlHost(host) !== undefined;
}

/** The region in the name of a host; `undefined` where the name has none, as that of a global writer endpoint. */
export function findRegionInHost(host: string): string | undefined {
	const rds = splitRdsHost(host);
	if (rds !== undefined) return rds.find(isRegionName);
	const region = splitDsqlHost(host);
	return region !== undefined && isRegionName(region) ? region : undefined;
}

/** The host of a DSQL cluster of which only the id is known. A name with a dot is a host already. */
export function expandClusterId(hostOrId: string, region: string): string {
	return hostOrId.includes(".") ? hostOrId : `${hostOrId}.dsql.${region}.${findPartition(region).resourceDnsSuffix}`;
}

/** The places where the region can stand: the label before `rds`, and the one behind it. */
function splitRdsHost(host: string): readonly string[] | undefined {
	const labels = splitAwsHost(host, "service") ?? [];
	const at = labels.lastIndexOf("rds");
	if (at < 1 || at < labels.length - 2) return undefined;
	// In `eu-west-1.rds.amazonaws.com` nothing is left for the name of a database.
	const before = at === 1 ? [] : labels.slice(at - 1, at);
	return [...labels.slice(at + 1), ...before];
}

/** The label in which the region stands. */
function splitDsqlHost(host: string): string | undefined {
	const labels = splitAwsHost(host, "resource") ?? [];
	const [service = "", region = ""] = labels.slice(-2);
	return labels.length > 2 && DSQL_LABEL.test(service) ? region : undefined;
}
