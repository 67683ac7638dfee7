/**
 * From the live options and the fresh ones to what each server is logged in to with next; what the application has
 * overridden stays as it is.
 */
import type { DataSourceOptions } from "typeorm";

import { CONNECTOR_ORIGIN, type OptionsOrigin, readOrigin } from "./options-origin.js";
import {
	CREDENTIAL_KEYS,
	type CredentialKey,
	listServerOptions,
	type LooseOptions,
	type ServerOptions,
	toLooseOptions,
} from "../drivers/loose-options.js";
import { RotationUnsupportedError } from "../errors/errors.js";

/** The next credentials of one server. */
export interface ServerPlan {
	/** Options beside those of the servers. */
	readonly common: LooseOptions;
	readonly isMoved: boolean;
	readonly isUnchanged: boolean;
	readonly server: ServerOptions;
}

/**
 * What a server's live options came from, where it is not the origin in the options: the server still waits for newer
 * credentials.
 */
export type FormerOrigins = ReadonlyMap<number, OptionsOrigin | undefined>;

/**
 * Puts fresh credentials into copies of the live options: into each server what the connector has for it, or for all of
 * them where the connector knows of one only. A value that the application put on top of the connector's is kept; all
 * others follow AWS.
 * @returns One plan for each server, the primary's first.
 * @throws RotationUnsupportedError when the engine, the database or the number of replicas is another one, which no
 * rotation can follow.
 */
export function planServers(
	liveOptions: DataSourceOptions,
	freshOptions: DataSourceOptions,
	formerOrigins: FormerOrigins,
): readonly ServerPlan[] {
	const live = toLooseOptions(liveOptions);
	const fresh = toLooseOptions(freshOptions);
	const origin = readOrigin(liveOptions);
	requireSameDatabase(live, fresh, origin);
	requireSameReplicas(live, fresh);

	const renew = <Options extends ServerOptions>(options: Options, source: ServerOptions, index: number, replica?: number): Options => {
		const managed = formerOrigins.has(index) ? formerOrigins.get(index) : origin;
		const isOverridden = (key: CredentialKey): boolean => managed !== undefined && !managed.isManaged(key, options[key], replica);
		const renewedKeys = CREDENTIAL_KEYS.filter((key) => source[key] !== undefined && !isOverridden(key));
		return { ...options, ...Object.fromEntries(renewedKeys.map((key) => [key, source[key]])) };
	};
	const freshOrigin = readOrigin(freshOptions);
	// The next rotation has to compare with what the connector serves now.
	const common = { ...renew(live, fresh, 0), ...(freshOrigin === undefined ? {} : { [CONNECTOR_ORIGIN]: freshOrigin }) };

	const freshServers = listServerOptions(fresh);
	return listServerOptions(live).map((server, index) => {
		if (live.replication === undefined) return describe(server, common, common);
		const source = freshServers[fresh.replication === undefined ? 0 : index] ?? fresh;
		// A replication that the application wrote has no replicas of the connector's to compare with.
		const replica = index === 0 || fresh.replication === undefined ? undefined : index - 1;
		return describe(server, renew(server, source, index, replica), common);
	});
}

function describe(live: ServerOptions, server: ServerOptions, common: LooseOptions): ServerPlan {
	return {
		common,
		isMoved: live.host !== server.host || live.port !== server.port,
		isUnchanged: CREDENTIAL_KEYS.every((key) => live[key] === server[key]),
		server,
	};
}

function requireSameDatabase(live: LooseOptions, fresh: LooseOptions, origin: OptionsOrigin | undefined): void {
	if (live.type !== fresh.type) {
		throw new RotationUnsupportedError(
			`its type is "${live.type}" and the configuration now says "${fresh.type}"; restart the application`,
		);
	}
	const isOverridden = origin !== undefined && !origin.isManaged("database", live.database);
	// Of a replication that the application wrote, the databases are the application's own.
	const isServed = live.replication === undefined || fresh.replication !== undefined;
	if (isServed && !isOverridden && live.database !== fresh.database) {
		throw new RotationUnsupportedError(
			`it is connected to database "${String(live.database)}" and the configuration now says "${String(fresh.database)}"; restart the application`,
		);
	}
}

function requireSameReplicas(live: LooseOptions, fresh: LooseOptions): void {
	if (live.replication === undefined || fresh.replication === undefined) return;
	const [has, managed] = [live.replication.slaves.length, fresh.replication.slaves.length];
	if (has === managed) return;
	throw new RotationUnsupportedError(
		`its options have ${String(has)} replicas and the connector has ${String(managed)}; give all of them in "replicas"`,
	);
}
