/** Which known name an unknown one was probably meant to be. */

/** Below this length, a name within another one is a coincidence. */
const MINIMUM_PART_LENGTH = 4;

/**
 * The known name with the fewest edits, at most a third of the letters, or one that contains the unknown name or is
 * part of it (`decrypt` in `shouldDecryptParameters`). Upper and lower case count as the same letter. `undefined` where
 * no name is near.
 */
export function findNearestName(unknown: string, known: readonly string[]): string | undefined {
	const given = unknown.toLowerCase();
	const candidates = known
		.map((name) => ({ edits: countEdits(given, name.toLowerCase()), name }))
		.filter(({ edits, name }) => edits <= Math.max(given.length, name.length) / 3 || isPart(given, name.toLowerCase()));
	return candidates.sort((left, right) => left.edits - right.edits)[0]?.name;
}

function isPart(one: string, other: string): boolean {
	return Math.min(one.length, other.length) >= MINIMUM_PART_LENGTH && (one.includes(other) || other.includes(one));
}

/** Optimal string alignment distance, one row at a time: two swapped letters are one edit. */
function countEdits(from: string, to: string): number {
	let beforeLast: number[] = [];
	let last = Array.from({ length: to.length + 1 }, (_, index) => index);
	for (let i = 1; i <= from.length; i++) {
		const row = [i];
		for (let j = 1; j <= to.length; j++) {
			const substituted = (last[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
			const isSwap = from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
			const swapped = isSwap ? (beforeLast[j - 2] ?? 0) + 1 : Infinity;
			row.push(Math.min(substituted, swapped, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
		}
		beforeLast = last;
		last = row;
	}
	return last[to.length] ?? 0;
}
