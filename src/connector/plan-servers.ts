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
	/** A host that the configuration names and the server does not move to; its endpoint stays. */
	readonly refusedHost: string | undefined;
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
 * @param mayMove whether connections may go from one host to another. Where they may not, the endpoint stays and user
 * and password follow.
 * @returns One plan for each server, the primary's first.
 * @throws RotationUnsupportedError when the engine, the database or the number of replicas is another one, which no
 * rotation can follow.
 */
export function planServers(
	liveOptions: DataSourceOptions,
	freshOptions: DataSourceOptions,
	formerOrigins: FormerOrigins,
	mayMove: (from: string, to: string) => boolean = () => true,
): readonly ServerPlan[] {
	const live = toLooseOptions(liveOptions);
	const fresh = toLooseOptions(freshOptions);
	const origin = readOrigin(liveOptions);
	requireSameDatabase(live, fresh, origin);
	requireSameReplicas(live, fresh);

	const kept = new Map<number, ServerOptions>();
	const refused = new Map<number, string>();
	const renew = <Options extends ServerOptions>(options: Options, source: ServerOptions, index: number, replica?: number): Options => {
		const managed = formerOrigins.has(index) ? formerOrigins.get(index) : origin;
		const isOverridden = (key: CredentialKey): boolean => managed !== undefined && !managed.isManaged(key, options[key], replica);
		const renewedKeys = CREDENTIAL_KEYS.filter((key) => source[key] !== undefined && !isOverridden(key));
		const [from, to] = [options.host, source.host];
		const isRefused = renewedKeys.includes("host") && typeof from === "string" && typeof to === "string" && !mayMove(from, to);
		const keptKeys = isRefused ? CREDENTIAL_KEYS.filter((key) => belongsToEndpoint(key, options[key])) : [];
		if (isRefused) {
			refused.set(index, to);
			kept.set(index, pick(options, keptKeys));
		}
		const keys = renewedKeys.filter((key) => !keptKeys.includes(key));
		return { ...options, ...pick(source, keys) };
	};

	const renewed = { ...renew(live, fresh, 0) };
	const freshServers = listServerOptions(fresh);
	const servers = listServerOptions(live).map((server, index) => {
		if (live.replication === undefined) return renewed;
		const source = freshServers[fresh.replication === undefined ? 0 : index] ?? fresh;
		// A replication that the application wrote has no replicas of the connector's to compare with.
		const replica = index === 0 || fresh.replication === undefined ? undefined : index - 1;
		return renew(server, source, index, replica);
	});
	// The next rotation has to compare with what the connector serves now.
	const freshOrigin = readOrigin(freshOptions)?.keepEndpoints(kept);
	const common = { ...renewed, ...(freshOrigin === undefined ? {} : { [CONNECTOR_ORIGIN]: freshOrigin }) };
	return listServerOptions(live).map((server, index) => {
		const next = live.replication === undefined ? common : (servers[index] ?? server);
		return describe(server, next, common, refused.get(index));
	});
}

/** A token is signed for one endpoint, so the function that signs it stays with the endpoint. */
function belongsToEndpoint(key: CredentialKey, value: unknown): boolean {
	return key === "host" || key === "port" || key === "ssl" || (key === "password" && typeof value === "function");
}

function pick(options: ServerOptions, keys: readonly CredentialKey[]): ServerOptions {
	return Object.fromEntries(keys.map((key) => [key, options[key]]));
}

function describe(live: ServerOptions, server: ServerOptions, common: LooseOptions, refusedHost: string | undefined): ServerPlan {
	return {
		common,
		isMoved: live.host !== server.host || live.port !== server.port,
		isUnchanged: CREDENTIAL_KEYS.every((key) => live[key] === server[key]),
		refusedHost,
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
