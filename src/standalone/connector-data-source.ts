/** A DataSource that starts its rotator when it is initialized, and ends everything together. */
import { DataSource, type DataSourceOptions } from "typeorm";

import type { TypeOrmAwsConnectorService } from "../connector/typeorm-aws-connector.service.js";
import { RotatorService } from "../rotation/rotator.service.js";
import type { IConnectorDataSource } from "./create-data-source.options.js";

/** Lists an interval in a registry of Nest, which there is none of. */
const INTERVAL_NAME = "db-rotation";

/** What is made for one DataSource besides the rotator. */
export interface DataSourceParts {
	/** Closes what was made for this DataSource alone: the connector, the client of Parameter Store. */
	readonly closeParts: () => void;
	readonly connector: TypeOrmAwsConnectorService;
}

/** Its methods are those of TypeORM, but for `close()`. */
export class ConnectorDataSource extends DataSource implements IConnectorDataSource {
	readonly connector: TypeOrmAwsConnectorService;
	readonly rotator: RotatorService;

	readonly #closeParts: () => void;
	#closing: Promise<void> | undefined;
	#hasStarted = false;

	constructor(options: DataSourceOptions, { closeParts, connector }: DataSourceParts) {
		super(options);
		this.#closeParts = closeParts;
		this.connector = connector;
		this.rotator = new RotatorService(this, undefined, connector, INTERVAL_NAME);
	}

	override async initialize(): Promise<this> {
		try {
			await super.initialize();
		} catch (error) {
			await this.connector.explainFailure(error, this.options);
			throw error;
		}
		try {
			await this.startRotator();
		} catch (error) {
			await this.destroy();
			throw error;
		}
		return this;
	}

	close(): Promise<void> {
		return (this.#closing ??= this.end());
	}

	/** As Nest starts a provider. A DataSource that is initialized once more has its schedule already. */
	private async startRotator(): Promise<void> {
		if (!this.#hasStarted) await this.rotator.onModuleInit();
		this.#hasStarted = true;
		this.rotator.onApplicationBootstrap();
	}

	/** As Nest ends a provider. The pools drain while the DataSource ends them. */
	private async end(): Promise<void> {
		await this.rotator.onModuleDestroy();
		this.rotator.beforeApplicationShutdown();
		const ends = await Promise.allSettled([this.rotator.onApplicationShutdown(), this.isInitialized ? this.destroy() : undefined]);
		this.#closeParts();
		for (const ended of ends) if (ended.status === "rejected") throw ended.reason;
	}
}
