/** From `useFactory`, `useExisting` or `useClass` to the provider of a module's options. */
import type { FactoryProvider, InjectionToken, OptionalFactoryDependency, Type } from "@nestjs/common";

import { OptionInvalidError } from "../errors/errors.js";
import { isGroup } from "./check-options.js";

/**
 * The ways in which a module takes its options. The first that is given counts, in the order `useFactory`,
 * `useExisting`, `useClass`.
 */
export interface OptionsSource {
	readonly inject?: (InjectionToken | OptionalFactoryDependency)[] | undefined;
	readonly useClass?: Type | undefined;
	readonly useExisting?: InjectionToken | undefined;
	// A factory with typed parameters is not assignable to one that takes `unknown`.
	// eslint-disable-next-line @typescript-eslint/no-explicit-any
	readonly useFactory?: ((...dependencies: any[]) => unknown) | undefined;
}

/** What the options become. */
export interface OptionsTarget<Options> {
	/** Checks them when the application starts. */
	readonly accept: (options: Options) => Options;
	/** The method of the class behind `useClass` and `useExisting`. */
	readonly method: string;
	readonly provide: InjectionToken;
}

type Dependencies = readonly unknown[];

/**
 * The provider of the options.
 * @throws OptionInvalidError when there is no `useFactory`, `useExisting` or `useClass`.
 */
export function createOptionsProvider<Options>(source: OptionsSource, target: OptionsTarget<Options>): FactoryProvider<Options> {
	const { accept, provide } = target;
	const { inject, make, option } = readSource(source, target.method);
	return {
		inject: [...inject],
		provide,
		useFactory: async (...dependencies: unknown[]) => accept(requireOptions(await make(dependencies), option) as Options),
	};
}

/** The class that has to be provided beside it, where `useClass` counts. */
export function listOptionsClass({ useClass, useExisting, useFactory }: OptionsSource): Type[] {
	return useClass !== undefined && useExisting === undefined && useFactory === undefined ? [useClass] : [];
}

interface Maker {
	readonly inject: NonNullable<OptionsSource["inject"]>;
	readonly make: (dependencies: Dependencies) => unknown;
	/** The option that the user has given. */
	readonly option: "useClass" | "useExisting" | "useFactory";
}

function readSource({ inject = [], useClass, useExisting, useFactory }: OptionsSource, method: string): Maker {
	if (useFactory !== undefined) {
		return { inject, make: async (dependencies) => callFactory(useFactory, dependencies), option: "useFactory" };
	}
	const token = useExisting ?? useClass;
	if (token === undefined) throw new OptionInvalidError("useFactory", "is missing, and so are useExisting and useClass");
	const option = useExisting === undefined ? "useClass" : "useExisting";
	return { inject: [token], make: ([maker]) => callMethod(maker, method, option), option };
}

/** A factory that fails for want of what it takes says so. */
async function callFactory(factory: NonNullable<OptionsSource["useFactory"]>, dependencies: Dependencies): Promise<unknown> {
	try {
		return await factory(...dependencies);
	} catch (error) {
		if (factory.length <= dependencies.length || !isTypeError(error)) throw error;
		throw new OptionInvalidError(
			"inject",
			`names ${count(dependencies.length, "provider")}, and useFactory takes ${count(factory.length, "argument")} and failed: add what it takes to inject`,
			{ cause: error },
		);
	}
}

function callMethod(maker: unknown, method: string, option: string): unknown {
	const make: unknown = (maker as Readonly<Record<string, unknown>> | undefined)?.[method];
	if (typeof make !== "function") throw new OptionInvalidError(option, `must have the method ${method}()`);
	return Reflect.apply(make, maker, []) as unknown;
}

function requireOptions(options: unknown, option: string): object {
	if (isGroup(options)) return options;
	const kind = Array.isArray(options) ? "a list" : options === undefined || options === null ? String(options) : `a ${typeof options}`;
	throw new OptionInvalidError(option, `returned ${kind} where the options were expected`);
}

/** By name, since jest has a TypeError of its own in each test. */
function isTypeError(error: unknown): boolean {
	return (error as Partial<Error> | undefined)?.name === "TypeError";
}

function count(number: number, noun: string): string {
	return `${String(number)} ${noun}${number === 1 ? "" : "s"}`;
}
