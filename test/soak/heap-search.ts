/** Searches a snapshot of the heap for strings, and follows what keeps one of them alive. */
import { createReadStream, readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { writeHeapSnapshot } from "node:v8";

/** What was found. */
export interface HeapSearch {
	readonly foundCount: number;
	/** From one of the strings to the root; empty where nothing was found. */
	readonly retainers: readonly string[];
	/** Kept where something was found. */
	readonly snapshotFile: string | undefined;
}

/**
 * Takes a snapshot and counts the different matches whose first group `isWanted`.
 * @example
 * const { foundCount } = await searchHeap(/canary-(\d+)-password/g, (version) => Number(version) < 10);
 */
export async function searchHeap(pattern: RegExp, isWanted: (group: string) => boolean): Promise<HeapSearch> {
	const folder = await mkdtemp(path.join(tmpdir(), "soak-"));
	const snapshotFile = writeHeapSnapshot(path.join(folder, "end.heapsnapshot"));
	const found = new Set<string>();
	let rest = "";
	for await (const chunk of createReadStream(snapshotFile, { encoding: "latin1", highWaterMark: 1 << 22 }) as AsyncIterable<string>) {
		const text = rest + chunk;
		for (const [match, group = ""] of text.matchAll(pattern)) {
			if (isWanted(group)) found.add(match);
		}
		rest = text.slice(-200);
	}
	const [first] = found;
	if (first !== undefined) return { foundCount: found.size, retainers: findRetainers(snapshotFile, first), snapshotFile };
	rmSync(folder, { force: true, recursive: true });
	return { foundCount: 0, retainers: [], snapshotFile: undefined };
}

/** The part of a snapshot that is read. Nodes and edges are rows of numbers whose columns `meta` names. */
interface Snapshot {
	readonly edges: readonly number[];
	readonly nodes: readonly number[];
	readonly snapshot: { readonly meta: SnapshotMeta };
	readonly strings: readonly string[];
}

interface SnapshotMeta {
	readonly edge_fields: readonly string[];
	readonly edge_types: readonly [readonly string[], ...unknown[]];
	readonly node_fields: readonly string[];
	readonly node_types: readonly [readonly string[], ...unknown[]];
}

/** An edge that leads to a node: where it comes from, and its name. */
interface Retainer {
	readonly edge: string;
	readonly from: number;
}

/** The shortest way from a string to the root, breadth first; weak references keep nothing alive. */
function findRetainers(snapshotFile: string, text: string): string[] {
	const { edges, nodes, snapshot, strings } = JSON.parse(readFileSync(snapshotFile, "utf8")) as Snapshot;
	const {
		edge_fields: edgeFields,
		edge_types: [edgeTypes],
		node_fields: nodeFields,
		node_types: [nodeTypes],
	} = snapshot.meta;
	const nodeColumn = (name: string): number => nodeFields.indexOf(name);
	const edgeColumn = (name: string): number => edgeFields.indexOf(name);
	const read = (values: readonly number[], index: number): number => values[index] ?? 0;
	const nameOf = (node: number): string => strings[read(nodes, node + nodeColumn("name"))] ?? "";
	const typeOf = (node: number): string => nodeTypes[read(nodes, node + nodeColumn("type"))] ?? "";

	const retainers = new Map<number, Retainer[]>();
	let edge = 0;
	for (let from = 0; from < nodes.length; from += nodeFields.length) {
		for (let count = read(nodes, from + nodeColumn("edge_count")); count > 0; count -= 1, edge += edgeFields.length) {
			const type = edgeTypes[read(edges, edge + edgeColumn("type"))] ?? "";
			if (type === "weak") continue;
			const key = read(edges, edge + edgeColumn("name_or_index"));
			const name = type === "element" || type === "hidden" ? `[${key}]` : (strings[key] ?? "");
			const to = read(edges, edge + edgeColumn("to_node"));
			const known = retainers.get(to);
			if (known === undefined) retainers.set(to, [{ edge: name, from }]);
			else known.push({ edge: name, from });
		}
	}

	const isHolder = (node: number): boolean => typeOf(node).includes("string") && nameOf(node).includes(text);
	const starts = Array.from({ length: nodes.length / nodeFields.length }, (_, row) => row * nodeFields.length).filter(isHolder);
	const cameFrom = new Map<number, Retained | undefined>(starts.map((node) => [node, undefined]));
	for (const node of cameFrom.keys()) {
		if (node === 0) return listWay(node, cameFrom, nameOf, typeOf);
		for (const { edge: name, from } of retainers.get(node) ?? []) {
			if (!cameFrom.has(from)) cameFrom.set(from, { edge: name, node });
		}
	}
	return ["a string that nothing retains"];
}

/** What a node holds on the way to the string. */
interface Retained {
	readonly edge: string;
	readonly node: number;
}

/** From the string to the root. */
function listWay(
	root: number,
	cameFrom: ReadonlyMap<number, Retained | undefined>,
	nameOf: (node: number) => string,
	typeOf: (node: number) => string,
): string[] {
	const way: string[] = [];
	let node = root;
	for (let held = cameFrom.get(node); held !== undefined; held = cameFrom.get(node)) {
		way.push(`${typeOf(node)} ${nameOf(node)}, ${held.edge}`);
		node = held.node;
	}
	return [...way, typeOf(node)].reverse();
}
