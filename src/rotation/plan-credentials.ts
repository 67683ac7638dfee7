/** From the live options and the fresh ones to what each pool logs in with next; user's own overrides stay as they are. */
import type { DataSourceOptions } from "typeorm";

import { CONNECTOR_ORIGIN, type ConnectorOrigin, readOrigin } from "../connector/connector-origin.js";
import { RotationUnsupportedError } from "../errors/errors.js";

/** The keys of a node that a rotation may change. */
const CREDENTIAL_KEYS = ["host", "password", "port", "ssl", "username"] as const;

type CredentialKey = (typeof CREDENTIAL_KEYS)[number];

/** What one server is logged in to with. */
export type NodeCredentials = Partial<Record<CredentialKey, unknown>> & { readonly url?: unknown };

/** Options in the loose form needed to treat all TypeORM versions and engines alike. */
export type LooseOptions = NodeCredentials & {
	readonly database?: unknown;
	readonly extra?: Record<string, unknown>;
	readonly replication?: { readonly master: NodeCredentials; readonly slaves: readonly NodeCredentials[] };
	readonly type: string;
};

/** The next options and the credentials of every pool in them. */
export interface CredentialPlan {
	readonly isUnchanged: boolean;
	readonly master: NodeCredentials;
	readonly options: LooseOptions;
	readonly slaves: readonly NodeCredentials[];
}

/**
 * Puts fresh credentials into a copy of the live options: into each server what the connector has for it, or for all of them where it knows of one only. A
 * value that the user put on top of the connector's is kept; all others follow AWS.
 * @throws RotationUnsupportedError when the engine, the database or the number of replicas is another one, which no pool swap can follow.
 */
export function planCredentials(liveOptions: DataSourceOptions, freshOptions: DataSourceOptions): CredentialPlan {
	const live = toLooseOptions(liveOptions);
	const fresh = toLooseOptions(freshOptions);
	const origin = readOrigin(liveOptions);
	requireSameDatabase(live, fresh, origin);
	requireSameReplicas(live, fresh);

	const renew = <Node extends NodeCredentials>(node: Node, source: NodeCredentials, replica?: number): Node => {
		const isOverridden = (key: CredentialKey): boolean => origin !== undefined && !origin.wasServed(key, node[key], replica);
		const renewedKeys = CREDENTIAL_KEYS.filter((key) => source[key] !== undefined && !isOverridden(key));
		return { ...node, ...Object.fromEntries(renewedKeys.map((key) => [key, source[key]])) };
	};
	// The next rotation has to compare with what the connector serves now.
	const mark = readOrigin(freshOptions) === undefined ? {} : { [CONNECTOR_ORIGIN]: readOrigin(freshOptions) };

	const options = { ...renew(live, fresh), ...mark };
	if (live.replication === undefined) {
		return { isUnchanged: hasSameCredentials(live, options), master: options, options, slaves: [] };
	}
	const master = renew(live.replication.master, fresh.replication?.master ?? fresh);
	const slaves = live.replication.slaves.map((node, index) =>
		fresh.replication === undefined ? renew(node, fresh) : renew(node, fresh.replication.slaves[index] ?? fresh, index),
	);
	const isUnchanged =
		hasSameCredentials(live.replication.master, master) &&
		live.replication.slaves.every((node, index) => hasSameCredentials(node, slaves[index]));
	return { isUnchanged, master, options: { ...options, replication: { ...live.replication, master, slaves } }, slaves };
}

/** TypeORM's union of options, seen without its engines. */
export function toLooseOptions(options: DataSourceOptions): LooseOptions {
	return options as unknown as LooseOptions;
}

function requireSameDatabase(live: LooseOptions, fresh: LooseOptions, origin: ConnectorOrigin | undefined): void {
	if (live.type !== fresh.type) {
		throw new RotationUnsupportedError(
			`its type is "${live.type}" and the configuration now says "${fresh.type}"; restart the application`,
		);
	}
	const isOverridden = origin !== undefined && !origin.wasServed("database", live.database);
	// Of a replication that the user wrote, the databases are the user's own.
	const isServed = live.replication === undefined || fresh.replication !== undefined;
	if (isServed && !isOverridden && live.database !== fresh.database) {
		throw new RotationUnsupportedError(
			`it is connected to database "${String(live.database)}" and the configuration now says "${String(fresh.database)}"; restart the application`,
		);
	}
}

function requireSameReplicas(live: LooseOptions, fresh: LooseOptions): void {
	if (live.replication === undefined || fresh.replication === undefined) return;
	const [has, served] = [live.replication.slaves.length, fresh.replication.slaves.length];
	if (has === served) return;
	throw new RotationUnsupportedError(
		`its options have ${String(has)} replicas and the connector has ${String(served)}; give all of them in "replicas"`,
	);
}

function hasSameCredentials(left: NodeCredentials, right: NodeCredentials | undefined): boolean {
	return CREDENTIAL_KEYS.every((key) => left[key] === right?.[key]);
}
