/** What the name of a database's host says: its region, and the host that an id of a DSQL cluster stands for. */

/** Of RDS: `shop.abc.eu-west-1.rds.amazonaws.com`, in China `shop.abc.rds.cn-north-1.amazonaws.com.cn`. Of DSQL, over PrivateLink `<id>.dsql-<service>.<region>.on.aws`. */
const REGIONS_IN_HOSTS = [
	/\.([a-z0-9-]+)\.rds\.amazonaws\.com(?:\.cn)?\.?$/i,
	/\.rds\.([a-z0-9-]+)\.amazonaws\.com\.cn\.?$/i,
	/\.dsql(?:-[a-z0-9]+)?\.([a-z0-9-]+)\.on\.aws\.?$/i,
];

const DSQL_HOST = /\.dsql(?:-[a-z0-9]+)?\.[a-z0-9-]+\.on\.aws\.?$/i;

/** The region in the name of a host; `undefined` where the name has none. */
export function findRegionInHost(host: string): string | undefined {
	for (const pattern of REGIONS_IN_HOSTS) {
		const region = pattern.exec(host)?.[1];
		if (region !== undefined) return region.toLowerCase();
	}
	return undefined;
}

/** Whether nothing but Aurora DSQL can be behind the name of a host. */
export function isDsqlHost(host: string): boolean {
	return DSQL_HOST.test(host);
}

/** The host of a DSQL cluster of which only the id is known. A name with a dot is a host already. */
export function expandClusterId(hostOrId: string, region: string): string {
	return hostOrId.includes(".") ? hostOrId : `${hostOrId}.dsql.${region}.on.aws`;
}
