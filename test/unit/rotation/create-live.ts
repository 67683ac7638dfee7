/** A DataSource as the rotator attaches it: a breaker in front of the logins of each server. */
import type { DataSource } from "typeorm";

import { LoginBreaker, type LoginBreakerOptions } from "../../../src/acquire/login-breaker.js";
import { LiveDataSource } from "../../../src/drivers/live-data-source.js";
import { listServerOptions, toLooseOptions } from "../../../src/drivers/loose-options.js";
import type { EventChannel } from "../../../src/events/event-channel.js";
import type { RotatedDataSource } from "../../../src/rotation/rotation-context.js";
import type { Clock } from "../../../src/support/clock.js";

/** Attaches to an initialized DataSource. Default: recovery is off, chance says 0. */
export function createLive(
	dataSource: DataSource,
	clock: Clock,
	events: EventChannel,
	options: Partial<LoginBreakerOptions> = {},
): RotatedDataSource {
	return new LiveDataSource(dataSource, {
		clock,
		createGate: ({ index }, wake) =>
			new LoginBreaker({
				clock,
				getCredentials: () => listServerOptions(toLooseOptions(dataSource.options))[index] ?? {},
				isRecoveryOn: false,
				onCallerHeld: () => undefined,
				onRecovered: () => undefined,
				onRefused: () => undefined,
				random: () => 0,
				wake,
				...options,
			}),
		onExchangeHalted: (server, error) => events.publish({ reason: String(error), server, type: "exchange.halted" }),
	});
}
