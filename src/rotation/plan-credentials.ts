/** From the live options and the fresh ones to what each pool logs in with next; user's own overrides stay as they are. */
import type { DataSourceOptions } from "typeorm";

import { readOrigin } from "../connector/connector-origin.js";
import { RotationUnsupportedError } from "../errors/errors.js";

/** The keys of a node that a rotation may change. */
const CREDENTIAL_KEYS = ["host", "password", "port", "username"] as const;

/** What one server is logged in to with. */
export type NodeCredentials = { [Key in (typeof CREDENTIAL_KEYS)[number]]?: unknown } & Record<string, unknown>;

/** Options in the loose form needed to treat all TypeORM versions and engines alike. */
export type LooseOptions = DataSourceOptions & {
	readonly database?: unknown;
	readonly extra?: Record<string, unknown>;
	readonly replication?: { readonly master: NodeCredentials; readonly slaves: readonly NodeCredentials[] };
	readonly url?: unknown;
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
	const live = liveOptions as LooseOptions;
	const fresh = freshOptions as LooseOptions;
	requireSameDatabase(live, fresh);

	const origin = readOrigin(live);
	const renew = (node: NodeCredentials): NodeCredentials => {
		const renewed: NodeCredentials = { ...node };
		for (const key of CREDENTIAL_KEYS) {
			const isOverridden = origin !== undefined && !origin.wasServed(key, node[key]);
			if (!isOverridden && fresh[key as never] !== undefined) renewed[key] = fresh[key as never];
		}
		return renewed;
	};

	const freshOrigin = originEntries(fresh);
	if (live.replication === undefined) {
		const options = { ...renew(live as NodeCredentials), ...freshOrigin } as unknown as LooseOptions;
		return { isUnchanged: hasSameCredentials(live as NodeCredentials, options as NodeCredentials), master: options as NodeCredentials, options, slaves: [] };
	}
	const master = renew(live.replication.master);
	const slaves = live.replication.slaves.map(renew);
	const liveNodes = [live.replication.master, ...live.replication.slaves];
	return {
		isUnchanged: [master, ...slaves].every((node, index) => hasSameCredentials(liveNodes[index] ?? {}, node)),
		master,
		options: { ...live, ...freshOrigin, replication: { ...live.replication, master, slaves } } as LooseOptions,
		slaves,
	};
}

function requireSameDatabase(live: LooseOptions, fresh: LooseOptions): void {
	if (live.type !== fresh.type) {
		throw new RotationUnsupportedError(`its type is "${live.type}" and the configuration now says "${fresh.type}"; restart the application`);
	}
	const origin = readOrigin(live);
	const isOverridden = origin !== undefined && !origin.wasServed("database", live.database);
	if (live.replication === undefined && !isOverridden && live.database !== fresh.database) {
		throw new RotationUnsupportedError(
			`it is connected to database "${String(live.database)}" and the configuration now says "${String(fresh.database)}"; restart the application`,
		);
	}
}

/** The symbol under which the connector remembers what it served: the next rotation compares with these values. */
function originEntries(fresh: LooseOptions): Record<symbol, unknown> {
	return Object.fromEntries(Object.getOwnPropertySymbols(fresh).map((key) => [key, fresh[key as never]]));
}

function hasSameCredentials(left: NodeCredentials, right: NodeCredentials): boolean {
	return CREDENTIAL_KEYS.every((key) => left[key] === right[key]);
}
