/** A program that keeps one of two passwords in an object, and prints what the search of its heap finds. */
import { searchHeap } from "./heap-search.js";

class CredentialCache {
	readonly entries: unknown[] = [];
}

const cache = new CredentialCache();
// From JSON, as secrets come: neither text stands in the source.
const read = (version: number): unknown => JSON.parse(`{"password":"canary-search-${String(version)}-password"}`) as unknown;
read(1);
cache.entries.push(read(2));
(globalThis as { gc?: () => void }).gc?.();

void searchHeap(/canary-search-(\d+)-password/g, () => true).then((found) => {
	process.stdout.write(JSON.stringify({ ...found, entryCount: cache.entries.length }));
});
