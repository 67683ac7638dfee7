/** Methods of one object that are replaced for a while. The class and its other objects stay as they are. */

/**
 * Puts `value` on `target` as an own property that is not listed.
 * @returns The way back, which leaves the property alone when another owner has replaced it since.
 */
export function putOwnProperty<Target extends object, Key extends keyof Target>(target: Target, key: Key, value: Target[Key]): () => void {
	const before = Object.getOwnPropertyDescriptor(target, key);
	Object.defineProperty(target, key, { configurable: true, enumerable: false, value, writable: true });
	return () => {
		if (target[key] !== value) return;
		if (before === undefined) Reflect.deleteProperty(target, key);
		else Object.defineProperty(target, key, before);
	};
}
