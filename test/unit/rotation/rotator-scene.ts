/** A rotator on servers in memory: a DataSource, a secret that a test sets, and callers that obtain connections as TypeORM does. */
import type { ConnectorEvent } from "../../../src/events/connector-event.js";
import type { IRotatorOptions } from "../../../src/rotation/rotation.options.js";
import { RotatorService } from "../../../src/rotation/rotator.service.js";
import { FakeClock } from "../../support/fake-clock.js";
import {
	asDataSource,
	createFakeDataSource,
	type FakeDataSource,
	type FakeServers,
	passTime,
	type PostgresLoan,
	settle,
} from "../../support/fake-postgres-driver.js";
import { type FakePostgresClient, FakePostgresServer } from "../../support/fake-postgres-server.js";
import { StubConnector } from "../../support/stub-connector.js";

/** A connection in the hands of a caller. */
export interface Loan {
	readonly client: FakePostgresClient;
	release(error?: Error): void;
}

/** What differs from test to test. */
export interface RotatorSceneOptions {
	/** What the connector says at the start. */
	readonly connector?: Partial<StubConnector>;
	/** Options of the DataSource on top of the defaults. */
	readonly dataSource?: Readonly<Record<string | symbol, unknown>>;
	readonly random?: () => number;
	/** The class of the rotator, where it is not the one of the source. */
	readonly Rotator?: typeof RotatorService;
	readonly rotator?: IRotatorOptions;
	/** Makes the server of each host. Default: one server, `db`. */
	readonly servers?: (clock: FakeClock) => FakeServers;
}

/** See above. Everything waits on the clock. */
export class RotatorScene {
	readonly clock = new FakeClock();
	readonly connector = new StubConnector(this.clock);
	readonly dataSource: FakeDataSource;
	readonly events: ConnectorEvent[] = [];
	private readonly loans = new Set<Loan>();
	readonly rotator: RotatorService;
	readonly servers: FakeServers;

	constructor({ connector, dataSource, random = () => 0.5, Rotator = RotatorService, rotator, servers }: RotatorSceneOptions = {}) {
		Object.assign(this.connector, { intervalMs: 3_600_000, ...connector });
		this.servers = servers?.(this.clock) ?? { db: new FakePostgresServer(this.clock, { app: "one" }) };
		this.dataSource = createFakeDataSource(this.clock, this.servers, dataSource);
		const options = { clock: this.clock, random, ...rotator };
		this.rotator = new Rotator(asDataSource(this.dataSource), undefined, this.connector, "db-rotation:test", options);
		this.rotator.events$.subscribe((event) => this.events.push(event));
	}

	/** The first server. */
	get server(): FakePostgresServer {
		return Object.values(this.servers)[0] as FakePostgresServer;
	}

	/** Initializes the DataSource and starts the rotator. */
	async start(): Promise<this> {
		await this.dataSource.initialize();
		await this.rotator.onModuleInit();
		return this;
	}

	/** The order in which Nest ends an application, TypeORM's part included. */
	async stop(): Promise<void> {
		const closing = this.rotator.onModuleDestroy();
		await this.pass(1_000);
		await closing;
		for (const loan of [...this.loans]) loan.release(new Error("The test is over"));
		this.rotator.beforeApplicationShutdown();
		const destroying = this.dataSource.isInitialized ? this.dataSource.destroy() : Promise.resolve();
		const ending = Promise.all([this.rotator.onApplicationShutdown(), destroying]);
		await this.pass(3_000);
		await ending;
	}

	async pass(durationMs: number): Promise<void> {
		await passTime(this.clock, durationMs);
	}

	/** Obtains a connection. Its caller listens to it, as a query runner does. */
	async borrow(): Promise<Loan> {
		return this.keep(...(await this.dataSource.driver.obtainMasterConnection()));
	}

	/** The same of a replica. */
	async borrowReplica(): Promise<Loan> {
		return this.keep(...(await this.dataSource.driver.obtainSlaveConnection()));
	}

	/** Changes the password on the server and in AWSCURRENT. */
	changePassword(password: string): void {
		for (const server of Object.values(this.servers)) server.passwords.set("app", password);
		this.connector.current = { ...this.connector.current, password };
	}

	/** Cuts every connection, as a crash or a failover does. */
	async cutConnections(): Promise<void> {
		for (const server of Object.values(this.servers)) server.cutConnections();
		await settle();
	}

	/** Types of the events so far, in order. */
	types(): string[] {
		return this.events.map(({ type }) => type);
	}

	/** Events of one type. */
	find<Type extends ConnectorEvent["type"]>(type: Type): Extract<ConnectorEvent, { type: Type }>[] {
		return this.events.filter((event): event is Extract<ConnectorEvent, { type: Type }> => event.type === type);
	}

	/** Follows a connection that a caller has obtained. */
	keep(...[obtained, release]: PostgresLoan): Loan {
		const client = obtained as unknown as FakePostgresClient;
		// One listener for each connection, however often it is lent.
		client.off("error", ignore).on("error", ignore);
		const loan = {
			client,
			release: (error?: Error): void => {
				if (this.loans.delete(loan)) release(error);
			},
		};
		this.loans.add(loan);
		return loan;
	}
}

function ignore(): undefined {
	return undefined;
}
