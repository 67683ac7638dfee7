/** Which of the known names an unknown one was probably meant to be. */

/** The known name with the fewest letters to change; upper and lower case count as the same letter. */
export function findNearestName(unknown: string, known: readonly string[]): string | undefined {
	const distances = new Map(known.map((name) => [name, countEdits(unknown.toLowerCase(), name.toLowerCase())]));
	return [...known].sort((left, right) => (distances.get(left) ?? 0) - (distances.get(right) ?? 0))[0];
}

/** Levenshtein distance, one row at a time. */
function countEdits(from: string, to: string): number {
	let row = Array.from({ length: to.length + 1 }, (_, index) => index);
	for (let i = 1; i <= from.length; i++) {
		const next = [i];
		for (let j = 1; j <= to.length; j++) {
			const substituted = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
			next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
		}
		row = next;
	}
	return row[to.length] ?? 0;
}
