/** A login without a password of its own: a token is signed for each connection. */
import { inspect } from "node:util";

import { Credentials } from "./credentials-provider.js";

/** Signs a token. */
export type SignToken = () => Promise<string>;

/** What a token is signed for. */
export interface TokenTarget {
	readonly host: string;
	readonly port: number;
}

/** The login at one place. */
export interface BoundLogin {
	/** The host to connect to; the one that was asked for, unless that was an id. */
	readonly host: string;
	/** The same function for the same place, so that a rotation sees that nothing changed. */
	readonly sign: SignToken;
}

/** Services whose databases take tokens. */
export type TokenService = "dsql" | "rds";

/** The login of an IAM user of a database. */
export class TokenLogin extends Credentials {
	readonly #bind: (target: TokenTarget) => BoundLogin;
	readonly #known = new Map<string, BoundLogin>();

	/** @param bind Asked once for each place. */
	constructor(
		readonly service: TokenService,
		username: string,
		bind: (target: TokenTarget) => BoundLogin,
	) {
		super({ password: "", username });
		this.#bind = bind;
	}

	/**
	 * The login at a place.
	 * @throws ConfigurationError when its region is not known.
	 */
	bind({ host, port }: TokenTarget): BoundLogin {
		const key = `${host}:${String(port)}`;
		const bound = this.#known.get(key) ?? this.#bind({ host, port });
		this.#known.set(key, bound);
		return bound;
	}

	override [inspect.custom](): string {
		return `TokenLogin ${inspect({ service: this.service, username: this.username })}`;
	}
}
