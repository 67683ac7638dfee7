/** A secret with its versions, the roles of the database, and the steps in which a rotation of Secrets Manager changes the two. */
import type { DataSourceOptions } from "typeorm";

import type { FreshConnection, RotatableConnector } from "../../../../src/rotation/connection-source.js";

/** A user and a password. */
export interface Login {
	readonly password: string;
	readonly user: string;
}

/** One step of somebody who changes credentials. */
export type SecretStep = "alternate user" | "change both" | "create pending" | "database first" | "roll back" | "secret catches up";

/** How AWS answers. */
export type FetchState = "fail" | "hang" | "no pending" | "ok";

/** AWSCURRENT, AWSPENDING and the passwords that the database takes. */
export class ModelSecret {
	current: Login = { password: "one", user: "app" };
	pending: Login | undefined;
	private fetchState: FetchState = "ok";
	private hanging: (() => void)[] = [];
	private versionCount = 1;

	constructor(private readonly passwords: Map<string, string>) {}

	/** Whether a version that AWS would hand out logs in. */
	get isReadable(): boolean {
		if (this.fetchState === "fail" || this.fetchState === "hang") return false;
		return this.isTaken(this.current) || (this.fetchState !== "no pending" && this.isTaken(this.pending));
	}

	/** The connector of this secret. It takes no notice of the AbortSignal, as AWS's credential providers do. */
	createConnector(intervalMs: number): RotatableConnector {
		return {
			getRotationConfig: () => ({ intervalMs, isEnabled: true }),
			getTypeOrmOptions: async () => toOptions(this.current),
			resolveConnection: async () => {
				await this.fetch();
				return toConnection(this.current);
			},
			resolvePendingConnection: async () => {
				await this.fetch();
				return this.pending === undefined || this.fetchState === "no pending" ? undefined : toConnection(this.pending);
			},
		};
	}

	/** Whether the database takes a login. */
	isTaken(login: Login | undefined): boolean {
		return login !== undefined && this.passwords.get(login.user) === login.password;
	}

	/** Requests that hang are answered when the fault is over, late as they are. */
	setFetchState(state: FetchState): void {
		this.fetchState = state;
		if (state !== "hang") for (const answer of this.hanging.splice(0)) answer();
	}

	take(step: SecretStep): void {
		const { user } = this.current;
		switch (step) {
			case "alternate user":
				this.pending = undefined;
				this.current = this.createVersion(user === "app" ? "app_clone" : "app");
				this.store(this.current);
				return;
			case "change both":
				this.pending = undefined;
				this.current = this.createVersion(user);
				this.store(this.current);
				return;
			case "create pending":
				this.pending = this.createVersion(user);
				return;
			case "database first":
				this.pending ??= this.createVersion(user);
				this.store(this.pending);
				return;
			case "roll back":
				this.pending = undefined;
				this.store(this.current);
				return;
			case "secret catches up":
				this.current = this.pending ?? this.current;
				this.pending = undefined;
				this.store(this.current);
		}
	}

	private createVersion(user: string): Login {
		this.versionCount += 1;
		return { password: `version ${this.versionCount}`, user };
	}

	private async fetch(): Promise<void> {
		if (this.fetchState === "fail") throw new Error("ServiceUnavailable");
		if (this.fetchState === "hang") await new Promise<void>((resolve) => this.hanging.push(resolve));
	}

	private store({ password, user }: Login): void {
		this.passwords.set(user, password);
	}
}

function toConnection(login: Login): FreshConnection {
	return { options: toOptions(login), versionId: login.password };
}

function toOptions({ password, user }: Login): DataSourceOptions {
	return { database: "shop", host: "db", password, port: 5_432, type: "postgres", username: user };
}
