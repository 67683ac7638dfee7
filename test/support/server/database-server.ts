/** What the servers of all engines can do, for tests that are the same on each. */

/** Engines of which there are real servers. */
export type EngineName = "mariadb" | "mysql" | "postgres";

/** A running server, whatever its engine. */
export interface DatabaseServer {
	/** Queries as the superuser, each on a connection of its own that `connections()` leaves out. */
	readonly admin: {
		query<Row extends Record<string, unknown>>(
			sql: string,
			parameters?: readonly unknown[],
			database?: string,
		): Promise<{ readonly rows: Row[] }>;
	};
	readonly engine: EngineName;
	readonly host: string;
	readonly port: number;
	readonly superuser: { readonly password: string; readonly user: string };
	/** The connections that are open now: of one role, or all but those of `admin`. */
	connections(role?: string): Promise<readonly DatabaseConnection[]>;
	/** Creates an empty database. */
	createDatabase(name: string): Promise<void>;
	/** Creates a role that logs in with `password`. */
	createRole(name: string, password: string, options?: DatabaseRoleOptions): Promise<void>;
	/** Everything the server has logged. */
	readLog(): Promise<string>;
	/** How many logins the server has refused since its start because of the password or the role: of one role, or all. */
	refusedLogins(role?: string): Promise<number>;
	/** Stops the server, which ends every connection, and starts it again on the same port with the same data. */
	restart(): Promise<void>;
	/** Changes the password of a role. Its open connections stay. */
	setPassword(role: string, password: string): Promise<void>;
	/** Ends the server at once and removes its files. May be called again. */
	stop(): Promise<void>;
	/** Kills the connections of a role, waits until they are gone, and returns how many there were. */
	terminate(role: string): Promise<number>;
}

/** A server that follows another one and refuses writes. Roles and passwords come to it as everything else does. */
export interface DatabaseReplica extends DatabaseServer {
	/** Resolves when everything has arrived that the primary holds now. */
	catchUp(): Promise<void>;
	/** Stays as it is from now on: a password that the primary gets does not come here. */
	pauseReplay(): Promise<void>;
	/** Ends the pause. What has gathered meanwhile follows at once; `catchUp()` waits for it. */
	resumeReplay(): Promise<void>;
}

/** A connection as the server sees it. */
export interface DatabaseConnection {
	readonly database: string | null;
	/** By which the server can be told to end it. */
	readonly pid: number;
	/** In the words of the engine. */
	readonly state: string;
	readonly user: string;
}

/** What a role may do besides logging in. */
export interface DatabaseRoleOptions {
	/** How many connections it may have. Default: as many as the server. */
	readonly connectionLimit?: number;
	/** Databases in which it may create tables and use what others create. */
	readonly databases?: readonly string[];
}

/** How to start a server. */
export interface DatabaseServerOptions {
	/** Connections that roles other than the superuser may open together. Default 100. */
	readonly maxConnections?: number;
	/** Settings in the words of the engine, on top of our own. */
	readonly settings?: Readonly<Record<string, string>>;
}
