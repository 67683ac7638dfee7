/** The parameters of the endpoint. */

/** The kinds of parameter there are. */
export type ParameterType = "SecureString" | "String" | "StringList";

/** A parameter as it is kept. */
export interface Parameter {
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

	private readonly parameters = new Map<string, Parameter>();

	/** Creates or replaces a parameter and returns its new version. */
	put(name: string, value: string, type: ParameterType = "String", kmsKeyId?: string): number {
		const version = (this.parameters.get(name)?.version ?? 0) + 1;
		this.parameters.set(name, { kmsKeyId, lastModifiedAt: Date.now(), name, type, value, version });
		return version;
	}

	/** Creates or replaces many parameters of type String. */
	putMany(values: Readonly<Record<string, string>>): void {
		for (const [name, value] of Object.entries(values)) this.put(name, value);
	}

	/** The value of a parameter; `undefined` when it does not exist. */
	get(name: string): string | undefined {
		return this.parameters.get(name)?.value;
	}

	/** Removes a parameter and says whether it was there. */
	delete(name: string): boolean {
		return this.parameters.delete(name);
	}

	/** The whole parameter by name or ARN, for the operations. */
	find(nameOrArn: string): Parameter | undefined {
		return this.parameters.get(nameOrArn.replace(/^arn:[^/]*:parameter\/?/, "/"));
	}

	/** Direct children of a path, or everything below it, by name; for the operations. */
	listBelow(path: string, isRecursive: boolean): Parameter[] {
		const prefix = path.endsWith("/") ? path : `${path}/`;
		return [...this.parameters.values()]
			.filter(({ name }) => name.startsWith(prefix) && (isRecursive || !name.slice(prefix.length).includes("/")))
			.sort((left, right) => (left.name < right.name ? -1 : 1));
	}
}
