/** What is known of parameters, by full name. */
import type { Parameter } from "@aws-sdk/client-ssm";

import { parseParameterName } from "../aws/parameter-name.js";
import { type Clock, lastingClock } from "../support/clock.js";
import type { IParameterChange } from "./parameter-store.options.js";

/** Part of Parameter Store that was read as a whole: what is not in it does not exist. */
export interface LoadedTree {
	readonly isRecursive: boolean;
	readonly path: string;
}

/** What one read found: the parameter, or `null` where there is none. */
export type ParameterSnapshot = ReadonlyMap<string, Parameter | null>;

interface Entry {
	readonly parameter: Parameter | null;
	readonly readAtMs: number;
	readonly readNumber: number;
}

/**
 * The parameters read so far. A lookup costs the same among five and among five thousand.
 * Values are in private fields, so that an inspected service does not show them.
 */
export class ParameterCache {
	readonly #entries = new Map<string, Entry>();
	#readCount = 0;
	#treeReadAtMs: number;

	constructor(
		parameters: readonly Parameter[],
		private readonly tree?: LoadedTree,
		private readonly clock: Clock = lastingClock,
	) {
		this.#treeReadAtMs = clock.nowMs();
		for (const parameter of parameters) {
			this.#entries.set(String(parameter.Name), { parameter, readAtMs: this.#treeReadAtMs, readNumber: 0 });
		}
	}

	/** The parameter; `null` where it is known not to exist; `undefined` where it was never read. */
	get(name: string): Parameter | null | undefined {
		const entry = this.#entries.get(name);
		if (entry !== undefined) return entry.parameter;
		return this.isInTree(name) ? null : undefined;
	}

	/** How long ago it was read that there is, or is not, such a parameter. */
	measureAgeMs(name: string): number {
		return this.clock.nowMs() - (this.#entries.get(name)?.readAtMs ?? this.#treeReadAtMs);
	}

	/** Every name that was read: those of the tree, and those outside of it. */
	listNames(): { readonly inside: readonly string[]; readonly outside: readonly string[] } {
		const names = [...this.#entries.keys()];
		return { inside: names.filter((name) => this.isInTree(name)), outside: names.filter((name) => !this.isInTree(name)) };
	}

	/** Numbers a read when it starts. */
	startRead(): number {
		return ++this.#readCount;
	}

	/**
	 * Keeps what a read found, except where a read that started later was faster.
	 * @param isWholeTree whether the read was of the whole tree.
	 * @returns What is different from what was known before. Of what was never known, nothing is.
	 */
	remember(snapshot: ParameterSnapshot, readNumber: number, isWholeTree = false): IParameterChange[] {
		const readAtMs = this.clock.nowMs();
		if (isWholeTree) this.#treeReadAtMs = readAtMs;
		const changes: IParameterChange[] = [];
		for (const [path, parameter] of snapshot) {
			const before = this.get(path);
			if ((this.#entries.get(path)?.readNumber ?? -1) >= readNumber) continue;
			this.#entries.set(path, { parameter, readAtMs, readNumber });
			const kind = before === undefined ? undefined : compare(before, parameter);
			if (kind !== undefined) changes.push({ kind, path });
		}
		return changes;
	}

	private isInTree(name: string): boolean {
		if (this.tree === undefined) return false;
		const root = `${this.tree.path}/`;
		if (!name.startsWith(root) || (!this.tree.isRecursive && name.includes("/", root.length))) return false;
		// A tree holds the newest version of each parameter, so one that is pinned is read by its name.
		return parseParameterName(name).selector === "";
	}
}

function compare(before: Parameter | null, after: Parameter | null): IParameterChange["kind"] | undefined {
	if (before === null) return after === null ? undefined : "added";
	if (after === null) return "removed";
	return before.Value === after.Value && before.Type === after.Type ? undefined : "changed";
}
