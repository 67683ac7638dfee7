/** Where AWS publishes the certificates of its authorities for RDS. */
import { findPartition } from "./aws-partitions.js";

/** By partition. Others have no public address. */
const BASES: ReadonlyMap<string, string> = new Map([
	["aws", "https://truststore.pki.rds.amazonaws.com"],
	["aws-cn", "https://rds-truststore.s3.cn-north-1.amazonaws.com.cn"],
	["aws-us-gov", "https://truststore.pki.us-gov-west-1.rds.amazonaws.com"],
]);

const DOCUMENTATION = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html";

/**
 * The address of a region's bundle, or of the page that names it.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
 */
export function findRdsBundle(region: string): string {
	const base = BASES.get(findPartition(region).id);
	return base === undefined ? DOCUMENTATION : `${base}/${region}/${region}-bundle.pem`;
}
