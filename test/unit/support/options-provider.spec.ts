/** The three ways in which a module takes its options, and what is said when one of them gives none. */
import { OptionInvalidError } from "../../../src/errors/errors.js";
import { createOptionsProvider, listOptionsClass, type OptionsSource } from "../../../src/support/options-provider.js";

interface Options {
	readonly size: number;
}

class Maker {
	readonly size: number = 7;

	createOptions(): Options {
		return { size: this.size };
	}
}

const accept = jest.fn((options: Options) => options);

/** Calls the provider as Nest does. */
async function make(source: OptionsSource, ...dependencies: unknown[]): Promise<Options> {
	const { useFactory } = createOptionsProvider<Options>(source, { accept, method: "createOptions", provide: "OPTIONS" });
	return useFactory(...dependencies);
}

describe("createOptionsProvider", () => {
	it.each([
		["a factory", { useFactory: (size: number) => ({ size }) }, 7],
		["an asynchronous factory", { useFactory: async (size: number) => Promise.resolve({ size }) }, 7],
		["a class", { useClass: Maker }, new Maker()],
		["an existing provider", { useExisting: "MAKER" }, new Maker()],
	])("takes the options of %s, and has them checked", async (_label, source, dependency) => {
		await expect(make(source, dependency)).resolves.toEqual({ size: 7 });

		expect(accept).toHaveBeenCalledWith({ size: 7 });
	});

	it.each([
		["useFactory", { useFactory: () => undefined }, undefined, "undefined"],
		["useFactory", { useFactory: () => null }, undefined, "null"],
		["useFactory", { useFactory: async () => Promise.resolve("orders") }, undefined, "a string"],
		["useFactory", { useFactory: () => [] }, undefined, "a list"],
		["useClass", { useClass: Maker }, { createOptions: (): unknown => undefined }, "undefined"],
		["useExisting", { useExisting: "MAKER" }, { createOptions: (): unknown => 7 }, "a number"],
	])("names %s where it returns no options: %j", async (option, source, dependency, kind) => {
		await expect(make(source, dependency)).rejects.toThrow(
			new OptionInvalidError(option, `returned ${kind} where the options were expected`),
		);
		expect(accept).not.toHaveBeenCalled();
	});

	it.each([{}, undefined, { createOptions: 7 }])("names useExisting where %j stands behind it", async (dependency) => {
		await expect(make({ useExisting: "MAKER" }, dependency)).rejects.toThrow(
			'Option "useExisting" must have the method createOptions().',
		);
	});

	it("says that inject is missing where the factory fails for want of an argument, and keeps the cause", async () => {
		const failing = make({ useFactory: ({ size }: Options, maker: Maker) => ({ size: size + maker.size }) });

		await expect(failing).rejects.toThrow(
			'Option "inject" names 0 providers, and useFactory takes 2 arguments and failed: add what it takes to inject.',
		);
		await expect(failing).rejects.toHaveProperty("cause", expect.objectContaining({ name: "TypeError" }));
	});

	it.each([
		["that has all it takes", { useFactory: () => ({ size: (undefined as unknown as Options).size }) }, "TypeError"],
		[
			"that fails in another way",
			{
				useFactory: (size: number) => {
					throw new RangeError(String(size));
				},
			},
			"RangeError",
		],
	])("leaves the error of a factory %s as it is", async (_label, source, name) => {
		await expect(make(source)).rejects.toHaveProperty("name", name);
	});

	it("refuses a source that names none of the three", () => {
		expect(() => createOptionsProvider({}, { accept, method: "createOptions", provide: "OPTIONS" })).toThrow(OptionInvalidError);
	});
});

it.each([
	["useClass", { useClass: Maker }, [Maker]],
	["useClass beside useExisting", { useClass: Maker, useExisting: "MAKER" }, []],
	["useClass beside useFactory", { useClass: Maker, useFactory: () => ({}) }, []],
	["useExisting", { useExisting: "MAKER" }, []],
])("with %s, the classes to provide are %p", (_label, source, expected) => {
	expect(listOptionsClass(source)).toEqual(expected);
});
