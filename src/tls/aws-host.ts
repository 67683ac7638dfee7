/** Which hosts are databases of AWS, by the names that AWS gives them. */
import { isDsqlHost } from "../configuration/database-host.js";

/** Instances, clusters, custom endpoints, RDS Proxy and the global writer endpoint. In China the region stands behind `rds`. */
const RDS_HOST = /\.rds\.(?:[a-z0-9-]+\.)?amazonaws\.com(?:\.cn)?\.?$/i;

/** Whether AWS runs the database behind this name. */
export function isAwsDatabaseHost(host: string): boolean {
	return isRdsHost(host) || isDsqlHost(host);
}

/** Whether the name is one of RDS, whose certificates mostly come from authorities of its own. */
export function isRdsHost(host: string): boolean {
	return RDS_HOST.test(host);
}
