/** A mark in the options that a connector made: who made them, and which values were its own. */
import type { DataSourceOptions } from "typeorm";

import { shareInProcess } from "../support/process-wide.js";

/**
 * Key of the mark. Enumerable, so that it survives `{ ...options, host: "127.0.0.1" }`; registered under a global name,
 * so that two installed versions of the library read each other's.
 */
export const CONNECTOR_ORIGIN = Symbol.for("nestjs-typeorm-aws-connector.origin");

/** The options that a connector fills in and a rotation may change. */
export type ManagedValues = Readonly<Record<"database" | "host" | "password" | "port" | "username", unknown>> & { readonly ssl?: unknown };

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
export class OptionsOrigin {
	readonly #replicas: readonly ManagedValues[];
	readonly #managed: ManagedValues;

	constructor(
		/** Unique in the process. */
		readonly connectorId: string,
		/** Name of the connector. */
		readonly connector: string,
		managed: ManagedValues,
		/** What the replicas were given, in their order. */
		replicas: readonly ManagedValues[] = [],
	) {
		this.#managed = managed;
		this.#replicas = replicas;
	}

	/**
	 * Whether the connector itself put `value` there. When it did not, the user did, and a rotation leaves it alone.
	 * @param replica index of the replica that has the value; left out for the master and the options themselves.
	 */
	isManaged(key: keyof ManagedValues, value: unknown, replica?: number): boolean {
		const managed = replica === undefined ? this.#managed : this.#replicas[replica];
		return managed?.[key] === value;
	}

	/**
	 * The same origin for servers that did not follow it to another endpoint.
	 * @param kept values that stay in use, by the index of the server; 0 is the primary.
	 */
	keepEndpoints(kept: ReadonlyMap<number, Partial<ManagedValues>>): OptionsOrigin {
		const [primary, ...replicas] = [this.#managed, ...this.#replicas].map((values, index) => ({ ...values, ...kept.get(index) }));
		return new OptionsOrigin(this.connectorId, this.connector, primary as ManagedValues, replicas);
	}
}

/** The mark in the options; `undefined` when no connector made them. */
export function readOrigin(options: DataSourceOptions | undefined): OptionsOrigin | undefined {
	// A test double of a DataSource may have no options.
	const origin = (options as { readonly [CONNECTOR_ORIGIN]?: unknown } | undefined)?.[CONNECTOR_ORIGIN];
	return isOrigin(origin) ? origin : undefined;
}

/** By shape and not by class: another copy of the library may have made it. */
function isOrigin(value: unknown): value is OptionsOrigin {
	if (typeof value !== "object" || value === null) return false;
	const { connector, connectorId, isManaged } = value as Partial<OptionsOrigin>;
	return typeof connector === "string" && typeof connectorId === "string" && typeof isManaged === "function";
}
