/** A connector whose secret a test sets: what a rotation asks, without AWS. */
import type { DataSourceOptions } from "typeorm";

import type { ResolvedOptions, RotationSource, RotationOptions } from "../../src/connector/rotation-source.js";
import { type Clock, sleep } from "../../src/support/clock.js";
import { createFakeOptions } from "./fake-postgres-driver.js";
import { NEVER_MS } from "./fake-postgres-server.js";

/** One version of the secret, or of where the connection goes. */
export type StubVersion = Readonly<Record<string, unknown>>;

/** See above. Changing a field changes the next answer. */
export class StubConnector implements RotationSource {
	/** What AWSCURRENT says, on top of the default options. */
	current: StubVersion = { password: "one" };
	/** What every fetch ends with. */
	fault: Error | undefined;
	/** Fetches of AWSCURRENT. */
	fetchCount = 0;
	/** How long a fetch takes. */
	fetchMs = 0;
	intervalMs = 60_000;
	isEnabled = true;
	name = "orders";
	/** What AWSPENDING says. */
	pending: StubVersion | undefined;
	prepare = jest.fn(() => Promise.resolve());
	renewClients = jest.fn();
	rotationOptions: RotationOptions = {};
	secretId: string | undefined = "app/database";
	/** The signal of the last fetch. */
	signal: AbortSignal | undefined;

	constructor(private readonly clock: Clock) {}

	getRotationConfig(): { intervalMs: number; isEnabled: boolean } {
		return { intervalMs: this.intervalMs, isEnabled: this.isEnabled };
	}

	getTypeOrmOptions(): Promise<DataSourceOptions> {
		return Promise.resolve(createFakeOptions(this.current) as unknown as DataSourceOptions);
	}

	async resolveConnection({ signal }: { signal?: AbortSignal }): Promise<ResolvedOptions> {
		this.fetchCount += 1;
		this.signal = signal;
		await this.wait();
		return { options: await this.getTypeOrmOptions(), versionId: `version-${this.current["password"] as string}` };
	}

	async resolvePendingConnection(): Promise<ResolvedOptions | undefined> {
		if (this.pending === undefined) return undefined;
		await this.wait();
		return { options: createFakeOptions(this.pending) as unknown as DataSourceOptions, versionId: "version-pending" };
	}

	private async wait(): Promise<void> {
		if (this.fetchMs === NEVER_MS) await new Promise(() => undefined);
		if (this.fetchMs > 0) await sleep(this.clock, this.fetchMs);
		if (this.fault !== undefined) throw this.fault;
	}
}
