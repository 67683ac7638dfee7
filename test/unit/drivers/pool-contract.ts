/** What is claimed of a live pool of every driver, each time with the driver's own code above a server in memory. */
import { describeExchange } from "./contract-exchange.js";
import { describeGenerations, describeHeld } from "./contract-generations.js";
import type { SceneMaker } from "./pool-scene.js";

/** Runs the claims on the pools of one driver. */
export function describePool(maker: SceneMaker): void {
	describe("The generations of connections", () => describeGenerations(maker));
	describe("Connections that are held at a promotion", () => describeHeld(maker));
	describe("The exchange", () => describeExchange(maker));
}
