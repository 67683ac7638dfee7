/** Time that passes as fast as the simulation works: a queue of timers in steps of one millisecond. */
import { setImmediate as nextTurn } from "node:timers/promises";

import type { Clock, ScheduledCall } from "../../src/support/clock.js";

interface Timer {
	readonly callback: () => void;
	isCancelled: boolean;
}

/** The clock of a whole fleet. {@link VirtualClock.fork} gives each instance one of its own that shows the same time. */
export class VirtualClock implements Clock {
	/** Milliseconds at which timers are due, as a binary heap. */
	private readonly heap: number[] = [];
	private currentMs = 0;
	private readonly timers = new Map<number, Timer[]>();

	nowMs(): number {
		return this.currentMs;
	}

	schedule(callback: () => void, delayMs: number): ScheduledCall {
		const dueAtMs = this.currentMs + Math.max(0, Math.ceil(delayMs));
		const timer: Timer = { callback, isCancelled: false };
		const known = this.timers.get(dueAtMs);
		if (known === undefined) {
			this.timers.set(dueAtMs, [timer]);
			this.push(dueAtMs);
		} else {
			known.push(timer);
		}
		return { cancel: () => void (timer.isCancelled = true) };
	}

	/** Another clock with the same time. What the library keeps for a process hangs on its clock. */
	fork(): Clock {
		return { nowMs: () => this.currentMs, schedule: (callback, delayMs) => this.schedule(callback, delayMs) };
	}

	/** Makes all calls that fall due until then, and lets promises settle after each millisecond. */
	async runUntil(endMs: number, isDone: () => boolean = () => false): Promise<void> {
		await nextTurn();
		while (!isDone()) {
			const [dueAtMs] = this.heap;
			if (dueAtMs === undefined || dueAtMs > endMs) break;
			this.currentMs = dueAtMs;
			const due = this.timers.get(dueAtMs) ?? [];
			this.timers.delete(dueAtMs);
			this.pop();
			for (const timer of due) if (!timer.isCancelled) timer.callback();
			await nextTurn();
		}
	}

	private push(value: number): void {
		const { heap } = this;
		let index = heap.push(value) - 1;
		while (index > 0) {
			const parent = (index - 1) >> 1;
			if ((heap[parent] as number) <= value) break;
			heap[index] = heap[parent] as number;
			index = parent;
		}
		heap[index] = value;
	}

	private pop(): void {
		const { heap } = this;
		const value = heap.pop() as number;
		if (heap.length === 0) return;
		let index = 0;
		for (;;) {
			let child = 2 * index + 1;
			if (child >= heap.length) break;
			if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child += 1;
			if ((heap[child] as number) >= value) break;
			heap[index] = heap[child] as number;
			index = child;
		}
		heap[index] = value;
	}
}

/** Pseudo-random numbers from 0 up to 1 (mulberry32): the same seed gives the same run. */
export function createRandom(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}
