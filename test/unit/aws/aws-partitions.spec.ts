/** The table of partitions says what the AWS SDK says, so that a new partition fails a test before it reaches a user. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { AWS_PARTITIONS, findPartition, findRegionFault, isRegionName, splitAwsHost } from "../../../src/aws/aws-partitions.js";

interface SdkPartition {
	readonly id: string;
	readonly outputs: { readonly dnsSuffix: string; readonly dualStackDnsSuffix: string };
	readonly regionRegex: string;
	readonly regions: Readonly<Record<string, object>>;
}

/** The SDK exports a lookup by region, and not the list: the list is read from its file. */
function readSdkPartitions(): readonly SdkPartition[] {
	const text = readFileSync(createRequire(__filename).resolve("@aws-sdk/core/client"), "utf8");
	const json = /const partitionsInfo = (\{\n[\s\S]*?\n\});\n/.exec(text)?.[1];
	if (json === undefined) throw new Error("The AWS SDK keeps its partitions in another place: correct readSdkPartitions().");
	return (JSON.parse(json) as { readonly partitions: readonly SdkPartition[] }).partitions;
}

const SDK_PARTITIONS = readSdkPartitions();
const SDK_REGIONS = SDK_PARTITIONS.flatMap(({ id, regions }) => Object.keys(regions).map((region): [string, string] => [region, id]));

describe("the table of partitions", () => {
	it("has the partitions of the AWS SDK, each with the same DNS suffixes", () => {
		const expected = SDK_PARTITIONS.map(({ id, outputs: { dnsSuffix, dualStackDnsSuffix } }) => ({
			dnsSuffix,
			dualStackDnsSuffix,
			id,
		}));

		const known = AWS_PARTITIONS.map(({ dnsSuffix, dualStackDnsSuffix, id }) => ({ dnsSuffix, dualStackDnsSuffix, id }));

		expect(known).toEqual(expected);
		expect(known.length).toBeGreaterThanOrEqual(8);
	});

	it.each(AWS_PARTITIONS.map(({ id }) => id))("recognises the regions of %s by the same expression", (id) => {
		const { regionPattern } = AWS_PARTITIONS.find((partition) => partition.id === id)!;
		const { regionRegex } = SDK_PARTITIONS.find((partition) => partition.id === id)!;

		const plain = regionRegex.replaceAll("\\-", "-").replace("^(us|", "^(?:us|").replace("(de)", "de");
		expect(regionPattern.source).toBe(plain);
	});
});

describe("findPartition", () => {
	it.each(SDK_REGIONS.filter(([region]) => !region.endsWith("global")))("of %s is %s", (region, id) => {
		expect(findPartition(region).id).toBe(id);
	});

	it("of a region with an unknown prefix is the commercial one, as in the AWS SDK", () => {
		expect(findPartition("xx-north-7").id).toBe("aws");
	});
});

describe("isRegionName", () => {
	it.each(SDK_REGIONS)("tells a region of the AWS SDK from a name for all regions: %s", (region) => {
		expect(isRegionName(region)).toBe(!region.endsWith("global"));
	});

	it.each(["global", "", "eu-west", "EU-WEST-1", "eu-west-1.example.com", "eu-west-1\n", "-eu-west-1"])("refuses %j", (text) => {
		expect(isRegionName(text)).toBe(false);
	});
});

describe("findRegionFault", () => {
	it.each(["eu-west-1", "us-isob-east-1", "test", "local-1"])("accepts %s", (region) => {
		expect(findRegionFault(region)).toBeUndefined();
	});

	it.each(["global", "aws-global", "aws-cn-global", "GLOBAL"])("refuses %s, which is no single region", (region) => {
		expect(findRegionFault(region)).toBe(`must be the name of one region, and "${region}" stands for all of them`);
	});

	it.each([undefined, null, 1, "", " "])("refuses %j as no name", (region) => {
		expect(findRegionFault(region)).toBe("must be the name of a region");
	});

	it.each(["x.evil.example/#", "eu-west-1\r\nHost: x", "eu-west-1.example.com", " eu-west-1", "a".repeat(64), "-a", "a-"])(
		"refuses %j, which would change the host of a request",
		(region) => {
			expect(findRegionFault(region)).toBe("must be the name of a region, such as eu-west-1");
		},
	);
});

describe("splitAwsHost", () => {
	it.each(AWS_PARTITIONS.flatMap(({ dnsSuffix, dualStackDnsSuffix }) => [dnsSuffix, dualStackDnsSuffix]))(
		"finds what stands before %s, whatever the case and the last dot",
		(suffix) => {
			expect(splitAwsHost(`A.b.${suffix.toUpperCase()}.`, "service")).toEqual(["a", "b"]);
			expect(splitAwsHost(`a.b${suffix}`, "service")).toBeUndefined();
			expect(splitAwsHost(`a.b.${suffix}.example.com`, "service")).toBeUndefined();
			expect(splitAwsHost(suffix, "service")).toBeUndefined();
		},
	);

	it("keeps suffixes of services and of resources apart", () => {
		expect(splitAwsHost("x.dsql.us-east-1.on.aws", "resource")).toEqual(["x", "dsql", "us-east-1"]);
		expect(splitAwsHost("x.dsql.us-east-1.on.aws", "service")).toBeUndefined();
	});
});
