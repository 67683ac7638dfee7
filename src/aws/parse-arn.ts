/** ARNs: the one place that takes them apart. */

/** The parts of an ARN. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
export interface Arn {
	/** Twelve digits; empty for some services. */
	readonly account: string;
	/** `aws`, `aws-cn`, `aws-us-gov` and so on. */
	readonly partition: string;
	/** Empty for services without regions. */
	readonly region: string;
	/** Everything behind the account, colons included. */
	readonly resource: string;
	/** `ssm`, `secretsmanager`, `kms` … */
	readonly service: string;
}

const PARTITION = /^aws[a-z-]*$/;

/** The parts of a text that is an ARN; `undefined` for any other text. */
export function parseArn(text: string): Arn | undefined {
	const [prefix, partition = "", service = "", region = "", account, ...rest] = text.split(":");
	if (prefix !== "arn" || !PARTITION.test(partition) || service === "" || account === undefined || rest.length === 0) return undefined;
	return { account, partition, region, resource: rest.join(":"), service };
}

/** The same, only for an ARN of one service. */
export function parseArnOf(service: string, text: string): Arn | undefined {
	const arn = parseArn(text);
	return arn?.service === service ? arn : undefined;
}
