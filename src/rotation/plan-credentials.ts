/** From the live options and the fresh ones to what each pool logs in with next; user's own overrides stay as they are. */
import type { DataSourceOptions } from "typeorm";

import { CONNECTOR_ORIGIN, type ConnectorOrigin, readOrigin } from "../connector/connector-origin.js";
import { RotationUnsupportedError } from "../errors/errors.js";

/** The keys of a node that a rotation may change. */
const CREDENTIAL_KEYS = ["host", "password", "port", "username"] as const;

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
 * Puts fresh credentials into a copy of the live options. A value that the user put on top of the connector's is kept; all others follow AWS.
 * @throws RotationUnsupportedError when the engine or the database changed, which no pool swap can follow.
 */
export function planCredentials(liveOptions: DataSourceOptions, freshOptions: DataSourceOptions): CredentialPlan {
	const live = toLooseOptions(liveOptions);
	const fresh = toLooseOptions(freshOptions);
	const origin = readOrigin(liveOptions);
	requireSameDatabase(live, fresh, origin);

	const renew = <Node extends NodeCredentials>(node: Node): Node => {
		const isOverridden = (key: CredentialKey): boolean => origin !== undefined && !origin.wasServed(key, node[key]);
		const renewedKeys = CREDENTIAL_KEYS.filter((key) => fresh[key] !== undefined && !isOverridden(key));
		return { ...node, ...Object.fromEntries(renewedKeys.map((key) => [key, fresh[key]])) };
	};
	// The next rotation has to compare with what the connector serves now.
	const mark = readOrigin(freshOptions) === undefined ? {} : { [CONNECTOR_ORIGIN]: readOrigin(freshOptions) };

	if (live.replication === undefined) {
		const options = { ...renew(live), ...mark };
		return { isUnchanged: hasSameCredentials(live, options), master: options, options, slaves: [] };
	}
	const master = renew(live.replication.master);
	const slaves = live.replication.slaves.map(renew);
	const isUnchanged =
		hasSameCredentials(live.replication.master, master) &&
		live.replication.slaves.every((node, index) => hasSameCredentials(node, slaves[index]));
	return { isUnchanged, master, options: { ...live, ...mark, replication: { ...live.replication, master, slaves } }, slaves };
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
	if (live.replication === undefined && !isOverridden && live.database !== fresh.database) {
		throw new RotationUnsupportedError(
			`it is connected to database "${String(live.database)}" and the configuration now says "${String(fresh.database)}"; restart the application`,
		);
	}
}

function hasSameCredentials(left: NodeCredentials, right: NodeCredentials | undefined): boolean {
	return CREDENTIAL_KEYS.every((key) => left[key] === right?.[key]);
}
