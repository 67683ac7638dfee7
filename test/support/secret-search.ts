/** Marked secrets, and the search for them in whatever a piece of code shows: printed, as JSON, and in every property it can be reached by. */
import { inspect } from "node:util";

/**
 * The mark. Every canary consists of little else, so that a message which quotes only ten characters of one is found, too.
 */
const MARK = "cnry7";

let canaryCount = 0;

/**
 * A secret that can be recognised wherever it turns up.
 * @example
 * const password = makeCanary("password"); // "cnry7cnry7cnry7cnry7-password-1-cnry7cnry7"
 */
export function makeCanary(purpose: string): string {
	canaryCount += 1;
	return `${MARK.repeat(4)}-${purpose}-${String(canaryCount)}-${MARK.repeat(2)}`;
}

/** Where a canary was found. */
export interface Finding {
	/** Class of the object that holds it and the name of the property, such as `Pool.options.password`; the form of output for a printed text. */
	readonly holder: string;
	/** The text around it. */
	readonly text: string;
}

/** How to look. */
export interface SearchOptions {
	/** Objects of other libraries: neither looked into nor printed. */
	readonly except?: readonly object[];
}

/**
 * Looks for canaries in a value: in what printing it shows (`util.inspect` with everything that is hidden, `JSON.stringify`, as a string), and in every own
 * property that can be reached from it, enumerable or not, named by a text or by a symbol.
 * @example
 * expect(findSecrets(error)).toEqual([]);
 */
export function findSecrets(value: unknown, { except = [] }: SearchOptions = {}): Finding[] {
	const uncover = except.map(coverForPrinting);
	try {
		return [...searchPrinted(value), ...searchProperties(value, new Set(except))];
	} finally {
		for (const restore of uncover) restore();
	}
}

/** Looks for canaries in a text. */
export function findSecretsInText(holder: string, text: string): Finding[] {
	const match = FORMS.exec(text);
	return match === null ? [] : [{ holder, text: text.slice(Math.max(0, match.index - 60), match.index + 60) }];
}

/** The mark as it is, and as encodings of a text that holds it show it. */
const FORMS = new RegExp([MARK, Buffer.from(MARK).toString("hex"), ...listBase64Forms(MARK)].join("|"), "i");

/** Of three positions in a group of three bytes each gives another text; only the characters that depend on the mark alone are kept. */
function listBase64Forms(text: string): string[] {
	return [0, 1, 2].map((offset) => {
		const encoded = Buffer.from("\0".repeat(offset) + text).toString("base64");
		const first = Math.ceil((offset * 8) / 6);
		return encoded.slice(first, Math.floor(((offset + text.length) * 8) / 6));
	});
}

function searchPrinted(value: unknown): Finding[] {
	const prints: Readonly<Record<string, () => string>> = {
		inspect: () => inspect(value),
		"inspect, hidden": () => inspect(value, { depth: 10, maxArrayLength: null, maxStringLength: null, showHidden: true }),
		json: () => JSON.stringify(value) ?? "",
		string: () => String(value),
	};
	return Object.entries(prints).flatMap(([holder, print]) => {
		try {
			return findSecretsInText(holder, print());
		} catch (error) {
			// A cycle, or an object without a way to become text.
			return findSecretsInText(holder, String(error));
		}
	});
}

function searchProperties(root: unknown, seen: Set<unknown>): Finding[] {
	const findings: Finding[] = [];
	const queue: { readonly holder: string; readonly value: unknown }[] = [{ holder: "", value: root }];
	for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
		const { holder, value } = item;
		if (typeof value === "string") findings.push(...findSecretsInText(holder, value));
		if (!isObject(value) || seen.has(value)) continue;
		seen.add(value);
		if (ArrayBuffer.isView(value)) {
			findings.push(...findSecretsInText(holder, Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("latin1")));
			continue;
		}
		for (const [name, content] of listContents(value))
			queue.push({ holder: `${describeHolder(holder, value)}.${name}`, value: content });
	}
	return findings;
}

/** Own properties, without calling any getter, and what collections hold. */
function listContents(value: object): [name: string, content: unknown][] {
	const contents: [string, unknown][] = Reflect.ownKeys(value).flatMap((key): [string, unknown][] => {
		const descriptor = Reflect.getOwnPropertyDescriptor(value, key);
		return descriptor === undefined || !("value" in descriptor) ? [] : [[String(key), descriptor.value]];
	});
	if (value instanceof Map) for (const [key, content] of value) contents.push(["key", key], [String(key), content]);
	if (value instanceof Set) for (const content of value) contents.push(["element", content]);
	return contents;
}

/** A class speaks for itself; a plain object is named after the property that leads to it. */
function describeHolder(holder: string, value: object): string {
	const { constructor } = value as { constructor?: unknown };
	const name = typeof constructor === "function" ? constructor.name : "";
	return ["", "Array", "Object"].includes(name) ? holder : name;
}

function isObject(value: unknown): value is object {
	return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** @returns The way back. */
function coverForPrinting(value: object): () => void {
	const restorers = [inspect.custom, "toJSON", "toString"].map((key) => {
		const own = Object.getOwnPropertyDescriptor(value, key);
		Object.defineProperty(value, key, { configurable: true, enumerable: false, value: () => "[of another library]" });
		return () => (own === undefined ? Reflect.deleteProperty(value, key) : Object.defineProperty(value, key, own));
	});
	return () => {
		for (const restore of restorers) restore();
	};
}
