/** What is known of parameters, by full name. */
import type { Parameter } from "@aws-sdk/client-ssm";

/** Part of Parameter Store that was read as a whole: what is not in it does not exist. */
export interface LoadedTree {
	readonly isRecursive: boolean;
	readonly path: string;
}

/** What one read found: the parameter, or `null` where there is none. */
export type ParameterSnapshot = ReadonlyMap<string, Parameter | null>;

interface Entry {
	readonly parameter: Parameter | null;
	readonly readNumber: number;
}

/**
 * The parameters read so far. A look-up costs the same among five and among five thousand.
 * Values are in private fields, so that an inspected service does not show them.
 */
export class ParameterCache {
	readonly #entries = new Map<Parameter["Name"], Entry>();
	#readCount = 0;

	constructor(
		parameters: readonly Parameter[],
		private readonly tree?: LoadedTree,
	) {
		for (const parameter of parameters) this.#entries.set(parameter.Name, { parameter, readNumber: 0 });
	}

	/** The parameter; `null` where it is known not to exist; `undefined` where it was never read. */
	get(name: string): Parameter | null | undefined {
		const entry = this.#entries.get(name);
		if (entry !== undefined) return entry.parameter;
		return this.isInTree(name) ? null : undefined;
	}

	/** Numbers a read when it starts. */
	startRead(): number {
		return ++this.#readCount;
	}

	/** Keeps what a read found, except where a read that started later was faster. */
	remember(snapshot: ParameterSnapshot, readNumber: number): void {
		for (const [name, parameter] of snapshot) {
			const known = this.#entries.get(name);
			if (known === undefined || known.readNumber < readNumber) this.#entries.set(name, { parameter, readNumber });
		}
	}

	private isInTree(name: string): boolean {
		if (this.tree === undefined) return false;
		const root = `${this.tree.path}/`;
		return name.startsWith(root) && (this.tree.isRecursive || !name.includes("/", root.length));
	}
}
