/** Methods of the application's providers that are called with events. */
import { type InjectionToken, Logger, type OnModuleInit } from "@nestjs/common";
import type { ModulesContainer } from "@nestjs/core";

import type { ConnectorEvent } from "../events/connector-event.js";
import { nameError } from "../events/describe-fault.js";
import type { RotatorService } from "../rotation/rotator.service.js";
import { shareInProcess } from "../support/process-wide.js";

type Handler = (event: ConnectorEvent) => unknown;

/** By the class: each method with the events that it is for. Shared by all copies of the library. */
const marks = shareInProcess("rotation-handlers", () => new WeakMap<object, HandlerMark[]>());

/** What a method is called with. */
export interface HandlerMark {
	readonly method: string | symbol;
	readonly rotatorToken: InjectionToken;
	readonly type: ConnectorEvent["type"];
}

/** Remembers that a method of a class is a handler. */
export function markHandler(target: object, mark: HandlerMark): void {
	marks.set(target, [...(marks.get(target) ?? []), mark]);
}

/** Connects one rotator with the handlers of the application. */
export class RotationHandlers implements OnModuleInit {
	private readonly logger = new Logger(RotationHandlers.name);

	constructor(
		private readonly modules: ModulesContainer,
		private readonly rotator: RotatorService,
		private readonly rotatorToken: InjectionToken,
	) {}

	onModuleInit(): void {
		const handlers = this.findHandlers();
		if (handlers.length === 0) return;
		this.rotator.events$.subscribe((event) => {
			for (const { handle, type } of handlers) if (type === event.type) void this.call(handle, event);
		});
	}

	private findHandlers(): { readonly handle: Handler; readonly type: ConnectorEvent["type"] }[] {
		const instances = new Set<object>();
		for (const { controllers, providers } of this.modules.values()) {
			for (const { instance } of [...providers.values(), ...controllers.values()]) {
				if (typeof instance === "object" && instance !== null) instances.add(instance);
			}
		}
		return [...instances].flatMap((instance) =>
			listMarks(instance)
				.filter(({ rotatorToken }) => rotatorToken === this.rotatorToken)
				.map(({ method, type }) => ({ handle: (event) => (instance as Record<string | symbol, Handler>)[method]?.(event), type })),
		);
	}

	private async call(handle: Handler, event: ConnectorEvent): Promise<void> {
		try {
			await handle(event);
		} catch (error) {
			// The message of an error of the application is none that the library may write.
			this.logger.error(`[${event.connector}] A handler of ${event.type} failed: ${nameError(error)}.`);
		}
	}
}

/** The marks of a class and of those that it extends. A method that is overridden is called once. */
function listMarks(instance: object): readonly HandlerMark[] {
	const found = new Map<string, HandlerMark>();
	for (let target = prototypeOf(instance); target !== null; target = prototypeOf(target)) {
		for (const mark of marks.get(target) ?? []) found.set(`${String(mark.method)} ${mark.type} ${String(mark.rotatorToken)}`, mark);
	}
	return [...found.values()];
}

function prototypeOf(value: object): object | null {
	return Object.getPrototypeOf(value) as object | null;
}
