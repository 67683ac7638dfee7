/** What there is once in a process, however many copies of the library it loads: the ESM and the CJS build have module variables of their own. */

/** The value of this name; made by whoever asks first. */
export function shareInProcess<Value extends object>(name: string, create: () => Value): Value {
	const key = Symbol.for(`nestjs-typeorm-aws-connector.${name}`);
	const values = globalThis as unknown as Record<symbol, Value | undefined>;
	return (values[key] ??= create());
}
