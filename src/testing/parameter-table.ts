/** The parameters of the endpoint. */
import { wallClockMs } from "../support/clock.js";

/** The kinds of parameter there are. */
export type ParameterType = "SecureString" | "String" | "StringList";

/** A version of a parameter as it is kept. */
export interface Parameter {
	/** Account and region of a parameter that another account shares; `undefined` for the caller's own. */
	readonly arn: string | undefined;
	/** ARN of the key of a SecureString, where it is not the account's default. */
	readonly kmsKeyId: string | undefined;
	readonly lastModifiedAt: number;
	readonly name: string;
	readonly type: ParameterType;
	readonly value: string;
	readonly version: number;
}

/**
 * The parameters of the endpoint, as a test sees and changes them.
 * @example
 * aws.parameters.putMany({ "/app/prod/postgres/main/database-name": "orders", "/app/prod/postgres/main/type": "postgres" });
 */
export class ParameterTable {
	/** How many empty pages, each with a NextToken, come before the first full one: the service may do that. Default 0. */
	emptyPageCount = 0;

	private readonly labels = new Map<string, number>();
	/** All versions of each parameter, the newest last; of one that is shared by its ARN. */
	private readonly parameters = new Map<string, Parameter[]>();

	/** Creates or replaces a parameter and returns its new version. */
	put(name: string, value: string, type: ParameterType = "String", kmsKeyId?: string): number {
		return this.add(name, { arn: undefined, kmsKeyId, name, type, value });
	}

	/** Creates or replaces a parameter of another account, which is found by its ARN only, and returns its new version. */
	share(arn: string, value: string, type: ParameterType = "String", kmsKeyId?: string): number {
		const name = arn.replace(/^arn:[^/]*:parameter/, "");
		return this.add(arn, { arn, kmsKeyId, name, type, value });
	}

	/** Attaches a label to a version, as `label-parameter-version` does. */
	label(name: string, label: string, version: number): void {
		this.labels.set(`${name}:${label}`, version);
	}

	/** Creates or replaces many parameters of type String. */
	putMany(values: Readonly<Record<string, string>>): void {
		for (const [name, value] of Object.entries(values)) this.put(name, value);
	}

	/** The value of a parameter; `undefined` when it does not exist. */
	get(name: string): string | undefined {
		return this.parameters.get(name)?.at(-1)?.value;
	}

	/** Removes a parameter and says whether it was there. */
	delete(name: string): boolean {
		return this.parameters.delete(name);
	}

	/** @internal The whole parameter by name or ARN, each with or without a version or a label; for the operations. */
	find(nameOrArn: string): Parameter | undefined {
		const { key, selector } = split(nameOrArn);
		const versions = this.parameters.get(key) ?? this.parameters.get(toName(key)) ?? this.parameters.get(toName(key).slice(1));
		if (selector === undefined) return versions?.at(-1);
		const version = this.labels.get(`${toName(key)}:${selector}`) ?? Number(selector);
		return versions?.find((parameter) => parameter.version === version);
	}

	/** @internal Direct children of a path, or everything below it, by name; for the operations. */
	listBelow(path: string, isRecursive: boolean): Parameter[] {
		const prefix = path.endsWith("/") ? path : `${path}/`;
		return [...this.parameters.values()]
			.flatMap((versions) => versions.at(-1) ?? [])
			.filter(
				({ arn, name }) =>
					arn === undefined && name.startsWith(prefix) && (isRecursive || !name.slice(prefix.length).includes("/")),
			)
			.sort((left, right) => (left.name < right.name ? -1 : 1));
	}

	private add(key: string, parameter: Omit<Parameter, "lastModifiedAt" | "version">): number {
		const former = this.parameters.get(key) ?? [];
		const version = (former.at(-1)?.version ?? 0) + 1;
		this.parameters.set(key, [...former, { ...parameter, lastModifiedAt: wallClockMs(), version }]);
		return version;
	}
}

/** The version or label behind a name, as it is asked for. */
export function readSelector(nameOrArn: string): string | undefined {
	return split(nameOrArn).selector;
}

function split(nameOrArn: string): { key: string; selector: string | undefined } {
	const [, key = nameOrArn, selector] = /^((?:arn(?::[^:]*){4}:)?[^:]*):([^:]+)$/.exec(nameOrArn) ?? [];
	return { key, selector };
}

function toName(key: string): string {
	return key.replace(/^arn:[^/]*:parameter\/?/, "/");
}
