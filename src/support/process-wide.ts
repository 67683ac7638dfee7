/**
 * What there is once in a process, however many versions of the library are installed: each has module variables of its
 * own.
 */

/** The value of this name; made by the first caller. */
export function shareInProcess<Value extends object>(name: string, create: () => Value): Value {
	const key = Symbol.for(`nestjs-typeorm-aws-connector.${name}`);
	const values = globalThis as unknown as Record<symbol, Value | undefined>;
	return (values[key] ??= create());
}
