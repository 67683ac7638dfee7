/** A query runner of TypeORM as far as its connection goes: what an application holds, waits for and gives back. */
import type { Clock } from "../../../../src/support/clock.js";
import type { FakePostgresDriver, FakeQueryRunner } from "../../../support/fake-postgres-driver.js";
import type { FakePostgresClient } from "../../../support/fake-postgres-server.js";

/** What a caller tells the model. */
export interface CallerObserver {
	onCut(caller: Caller): void;
	onFailed(caller: Caller, error: Error): void;
	onLent(caller: Caller): void;
}

/** One caller. */
export class Caller implements FakeQueryRunner {
	client: FakePostgresClient | undefined;
	isReleased = false;
	releaseCallback?: (error?: Error) => void;
	readonly startedAtMs: number;
	state: "ended" | "holding" | "waiting" = "waiting";

	constructor(
		private readonly driver: FakePostgresDriver,
		clock: Clock,
		private readonly observer: CallerObserver,
	) {
		this.startedAtMs = clock.nowMs();
	}

	/** As PostgresQueryRunner.connect(): an error of the connection gives it back at once. */
	async connect(): Promise<void> {
		try {
			const [obtained, release] = await this.driver.obtainMasterConnection();
			const client = obtained as FakePostgresClient;
			const onError = (error: Error): void => this.giveBack(error);
			client.on("error", onError);
			this.releaseCallback = (error) => {
				client.off("error", onError);
				if (error !== undefined) this.observer.onCut(this);
				release(error);
			};
			this.client = client;
			this.state = "holding";
			this.driver.connectedQueryRunners.push(this);
			this.observer.onLent(this);
		} catch (error) {
			this.state = "ended";
			this.observer.onFailed(this, error as Error);
		}
	}

	async release(): Promise<void> {
		this.giveBack();
	}

	private giveBack(error?: Error): void {
		if (this.isReleased) return;
		this.isReleased = true;
		this.state = "ended";
		this.releaseCallback?.(error);
		const runners = this.driver.connectedQueryRunners;
		if (runners.includes(this)) runners.splice(runners.indexOf(this), 1);
	}
}
