/** Loads a package of `bench/peers/package.json`, which is not among the dependencies of the project. */
import { createRequire } from "node:module";
import path from "node:path";

const requirePeer = createRequire(path.join(__dirname, "package.json"));

/** The exports of a peer. @throws Error that says how to install it. */
export function loadPeer<Exports>(name: string): Exports {
	try {
		return requirePeer(name) as Exports;
	} catch (error) {
		throw new Error(`${name} cannot be loaded. Install the peers with: npm install --prefix bench/peers`, { cause: error });
	}
}
