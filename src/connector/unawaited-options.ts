/**
 * Options that were not waited for: without a word, a spread promise is an empty object, and TypeORM knows no driver.
 */
import { OptionInvalidError } from "../errors/errors.js";

/**
 * The same promise. Spreading it, or giving it to `new DataSource()`, throws an OptionInvalidError that says what is
 * missing.
 * @param method the method that returns it.
 */
export function refuseUnawaited<Options>(promise: Promise<Options>, method: string): Promise<Options> {
	return Object.defineProperty(promise, "type", {
		configurable: true,
		enumerable: true,
		get: () => {
			throw new OptionInvalidError("type", `is read from a promise: write { ...(await connector.${method}()) }, with await`);
		},
	});
}
