/** A pool whose connections are exchanged. */
import { Exchange, type ExchangeMode } from "../../../src/drivers/exchange.js";
import { type PoolScene, promote, type SceneMaker, type SceneOptions } from "./pool-scene.js";

/** A scene and its exchange. */
export interface ExchangeScene {
	readonly exchange: Exchange;
	/** Errors with which the exchange came to a halt. */
	readonly halts: readonly unknown[];
	readonly scene: PoolScene;
	/** Promotes the next credentials and begins. */
	start(mode?: ExchangeMode, checked?: Promise<void>): void;
}

/** Makes a scene of this driver. An endpoint that moved is `elsewhere`. */
export function stageExchange({ create }: SceneMaker, options?: SceneOptions): ExchangeScene {
	const scene = create(options);
	const { clock, gate, live } = scene;
	const halts: unknown[] = [];
	const exchange = new Exchange({ clock, gate, onHalted: (error) => halts.push(error), pool: live });
	return {
		exchange,
		halts,
		scene,
		start: (mode = "gradual", checked = Promise.resolve()) => {
			promote(scene, mode === "moved" ? "elsewhere" : "db");
			exchange.start(mode, checked);
		},
	};
}
