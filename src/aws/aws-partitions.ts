/**
 * The partitions of AWS: which regions belong to each, and which DNS suffixes it owns. A test compares this table with
 * the AWS SDK.
 */

/** One partition: a group of regions with accounts, ARNs and DNS names of its own. */
export interface AwsPartition {
	/** DNS suffix of service endpoints and of RDS endpoints: `amazonaws.com`. */
	readonly dnsSuffix: string;
	/** DNS suffix of endpoints that also have an IPv6 address: `api.aws`. */
	readonly dualStackDnsSuffix: string;
	/** The second part of an ARN: `aws`. */
	readonly id: string;
	/** The names of its regions, also of regions that do not exist yet. */
	readonly regionPattern: RegExp;
	/** DNS suffix of single resources, such as a cluster of Aurora DSQL: `on.aws`. */
	readonly resourceDnsSuffix: string;
}

/** Regions whose prefix is unknown belong to it, as in the AWS SDK. */
const COMMERCIAL: AwsPartition = {
	dnsSuffix: "amazonaws.com",
	dualStackDnsSuffix: "api.aws",
	id: "aws",
	regionPattern: /^(?:us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+$/,
	resourceDnsSuffix: "on.aws",
};

/** Every partition that the AWS SDK knows. */
export const AWS_PARTITIONS: readonly AwsPartition[] = [
	COMMERCIAL,
	{
		dnsSuffix: "amazonaws.com.cn",
		dualStackDnsSuffix: "api.amazonwebservices.com.cn",
		id: "aws-cn",
		regionPattern: /^cn-\w+-\d+$/,
		resourceDnsSuffix: "on.amazonwebservices.com.cn",
	},
	{
		dnsSuffix: "amazonaws.eu",
		dualStackDnsSuffix: "api.amazonwebservices.eu",
		id: "aws-eusc",
		regionPattern: /^eusc-de-\w+-\d+$/,
		resourceDnsSuffix: "on.amazonwebservices.eu",
	},
	{
		dnsSuffix: "c2s.ic.gov",
		dualStackDnsSuffix: "api.aws.ic.gov",
		id: "aws-iso",
		regionPattern: /^us-iso-\w+-\d+$/,
		resourceDnsSuffix: "on.aws.ic.gov",
	},
	{
		dnsSuffix: "sc2s.sgov.gov",
		dualStackDnsSuffix: "api.aws.scloud",
		id: "aws-iso-b",
		regionPattern: /^us-isob-\w+-\d+$/,
		resourceDnsSuffix: "on.aws.scloud",
	},
	{
		dnsSuffix: "cloud.adc-e.uk",
		dualStackDnsSuffix: "api.cloud-aws.adc-e.uk",
		id: "aws-iso-e",
		regionPattern: /^eu-isoe-\w+-\d+$/,
		resourceDnsSuffix: "on.cloud-aws.adc-e.uk",
	},
	{
		dnsSuffix: "csp.hci.ic.gov",
		dualStackDnsSuffix: "api.aws.hci.ic.gov",
		id: "aws-iso-f",
		regionPattern: /^us-isof-\w+-\d+$/,
		resourceDnsSuffix: "on.aws.hci.ic.gov",
	},
	{
		dnsSuffix: "amazonaws.com",
		dualStackDnsSuffix: "api.aws",
		id: "aws-us-gov",
		regionPattern: /^us-gov-\w+-\d+$/,
		resourceDnsSuffix: "on.aws",
	},
];

/** Area, direction, number: `eu-west-1`, `us-gov-east-1`. Names without a number, such as `global`, are no regions. */
const REGION_NAME = /^[a-z]{2,8}(?:-[a-z]{2,20}){1,3}-\d{1,2}$/;

/** One label of a DNS name. */
const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/** Names in endpoints and in the SDK that stand for all regions of a partition. */
const ALL_REGIONS = /^(?:[a-z0-9-]+-)?global$/i;

/** Whether a text has the form of a region's name. It also accepts regions that do not exist yet. */
export function isRegionName(text: string): boolean {
	return REGION_NAME.test(text);
}

/** The fault of a given region, as the end of `Option "region" …`; `undefined` where the value can be used. */
export function findRegionFault(value: unknown): string | undefined {
	if (typeof value !== "string" || value.trim() === "") return "must be the name of a region";
	if (ALL_REGIONS.test(value)) return `must be the name of one region, and "${value}" stands for all of them`;
	// Emulators take any name, so the form of AWS's own regions is not required.
	return value.length <= 63 && DNS_LABEL.test(value) ? undefined : "must be the name of a region, such as eu-west-1";
}

/** The partition of a region. */
export function findPartition(region: string): AwsPartition {
	return AWS_PARTITIONS.find(({ regionPattern }) => regionPattern.test(region)) ?? COMMERCIAL;
}

/** What stands before a DNS suffix of AWS, as labels in lower case; `undefined` for a host of another owner. */
export function splitAwsHost(host: string, kind: "resource" | "service"): readonly string[] | undefined {
	const name = host.toLowerCase().replace(/\.$/, "");
	const suffix = listSuffixes(kind).find((candidate) => name.endsWith(`.${candidate}`));
	return suffix === undefined ? undefined : name.slice(0, -suffix.length - 1).split(".");
}

function listSuffixes(kind: "resource" | "service"): readonly string[] {
	return AWS_PARTITIONS.flatMap(({ dnsSuffix, dualStackDnsSuffix, resourceDnsSuffix }) =>
		kind === "resource" ? [resourceDnsSuffix] : [dnsSuffix, dualStackDnsSuffix],
	);
}
