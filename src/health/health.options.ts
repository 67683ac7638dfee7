/** The public types of the health indicator. */
import type { IServerReadiness } from "../rotation/statistics.options.js";

/** What an indicator says of one connector. */
export interface IConnectorHealth {
	/** Present where something is wrong although requests are served. */
	readonly isDegraded?: true;
	/** Why it is down or degraded: the code of an error, or `exhausted`, `not-initialized`, `closed`. */
	readonly reason?: string;
	/** By the name of the server, for a DataSource with replicas. */
	readonly servers?: Readonly<Record<string, IServerReadiness>>;
	/** What the rotator does now, for the liveness probe. */
	readonly state?: string;
	readonly status: "down" | "up";
}

/** A result in the form of `@nestjs/terminus`. */
export type TConnectorHealthResult<Key extends string = string> = Record<Key, IConnectorHealth>;
