/**
 * A copy of an error, for several callers that fail for the same reason: what one of them adds to its error stays with
 * it.
 */

/** Same class, message, code, stack and other own properties. */
export function copyError(error: Error): Error {
	const copy = new Error(error.message);
	Object.setPrototypeOf(copy, Object.getPrototypeOf(error) as object);
	return Object.defineProperties(copy, Object.getOwnPropertyDescriptors(error));
}
