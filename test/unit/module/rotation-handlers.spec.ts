/** Methods that are called with events. */
import { Injectable, Logger, Module } from "@nestjs/common";
import { ModulesContainer, NestFactory } from "@nestjs/core";
import { Subject } from "rxjs";

import type { ConnectorEvent } from "../../../src/events/connector-event.js";
import { getRotatorToken } from "../../../src/module/connector.tokens.js";
import { OnRotation } from "../../../src/module/connector.decorators.js";
import { RotationHandlers } from "../../../src/module/rotation-handlers.js";
import type { RotatorService } from "../../../src/rotation/rotator.service.js";

const STARTED: ConnectorEvent = { connector: "default", trigger: "manual", type: "rotation.started" };
const UNCHANGED: ConnectorEvent = { connector: "default", trigger: "manual", type: "rotation.unchanged" };

const seen: string[] = [];

class BaseListener {
	@OnRotation("rotation.started")
	noteStart({ trigger }: Extract<ConnectorEvent, { type: "rotation.started" }>): void {
		seen.push(`base started by ${trigger}`);
	}
}

@Injectable()
class Listener extends BaseListener {
	private readonly prefix = "own";

	@OnRotation("rotation.started")
	override noteStart({ trigger }: Extract<ConnectorEvent, { type: "rotation.started" }>): void {
		seen.push(`${this.prefix} started by ${trigger}`);
	}

	@OnRotation("rotation.unchanged")
	async fail(): Promise<void> {
		await Promise.reject(new TypeError("text that stays out"));
	}

	@OnRotation("rotation.started", "reports")
	noteReports(): void {
		seen.push("reports");
	}
}

async function start(dataSource?: string): Promise<Subject<ConnectorEvent>> {
	const events$ = new Subject<ConnectorEvent>();
	const handlers = {
		inject: [ModulesContainer],
		provide: RotationHandlers,
		useFactory: (modules: ModulesContainer) =>
			new RotationHandlers(modules, { events$ } as unknown as RotatorService, getRotatorToken(dataSource)),
	};
	@Module({ providers: [handlers, Listener] })
	class RootModule {}
	await NestFactory.createApplicationContext(RootModule, { abortOnError: false, logger: false });
	return events$;
}

beforeEach(() => void (seen.length = 0));

it("get events of their type and DataSource, an overridden method once", async () => {
	const events$ = await start();

	events$.next(STARTED);

	expect(seen).toEqual(["own started by manual"]);
});

it("get events of a DataSource that is named", async () => {
	const events$ = await start("reports");

	events$.next(STARTED);

	expect(seen).toEqual(["reports"]);
});

it("may fail, which is logged without their text and ends nothing", async () => {
	const events$ = await start();
	const logged = jest.spyOn(Logger.prototype, "error").mockImplementation();

	events$.next(UNCHANGED);
	await new Promise(setImmediate);
	events$.next(STARTED);

	expect(logged.mock.calls).toEqual([["[default] A handler of rotation.unchanged failed: TypeError."]]);
	expect(seen).toHaveLength(1);
});
