/** A mark in the options that a connector made: who made them, and which values were its own. */
import type { DataSourceOptions } from "typeorm";

import { shareInProcess } from "../support/process-wide.js";

/**
 * Key of the mark. Enumerable, so that it survives `{ ...options, host: "127.0.0.1" }`; registered under a global name,
 * so that two installed versions of the library read each other's.
 */
export const CONNECTOR_ORIGIN = Symbol.for("nestjs-typeorm-aws-connector.origin");

/** The options that a connector fills in and a rotation may change. */
export type ServedValues = Readonly<Record<"database" | "host" | "password" | "port" | "username", unknown>> & { readonly ssl?: unknown };

/** Ids of connectors that are not closed. */
const openConnectors = shareInProcess("open-connectors", () => new Set<string>());

/** A connector is made. */
export function noteConnectorOpened(connectorId: string): void {
	openConnectors.add(connectorId);
}

/** A connector is closed: a DataSource that it made options for may be taken over. */
export function noteConnectorClosed(connectorId: string): void {
	openConnectors.delete(connectorId);
}

/** Whether the connector that made these options can still rotate their DataSource. */
export function isConnectorOpen(connectorId: string): boolean {
	return openConnectors.has(connectorId);
}

/** Where options came from. Printing it shows two names, never a value. */
export class ConnectorOrigin {
	readonly #replicas: readonly ServedValues[];
	readonly #served: ServedValues;

	constructor(
		/** Unique in the process. */
		readonly connectorId: string,
		/** Name of the connector. */
		readonly connector: string,
		served: ServedValues,
		/** What the replicas were given, in their order. */
		replicas: readonly ServedValues[] = [],
	) {
		this.#served = served;
		this.#replicas = replicas;
	}

	/**
	 * Whether the connector itself put `value` there. When it did not, the user did, and a rotation leaves it alone.
	 * @param replica index of the replica that has the value; left out for the master and the options themselves.
	 */
	wasServed(key: keyof ServedValues, value: unknown, replica?: number): boolean {
		const served = replica === undefined ? this.#served : this.#replicas[replica];
		return served?.[key] === value;
	}
}

/** The mark in the options; `undefined` when no connector made them. */
export function readOrigin(options: DataSourceOptions | undefined): ConnectorOrigin | undefined {
	// A test double of a DataSource may have no options.
	const origin = (options as { readonly [CONNECTOR_ORIGIN]?: unknown } | undefined)?.[CONNECTOR_ORIGIN];
	return isOrigin(origin) ? origin : undefined;
}

/** By shape and not by class: another copy of the library may have made it. */
function isOrigin(value: unknown): value is ConnectorOrigin {
	if (typeof value !== "object" || value === null) return false;
	const { connector, connectorId, wasServed } = value as Partial<ConnectorOrigin>;
	return typeof connector === "string" && typeof connectorId === "string" && typeof wasServed === "function";
}
