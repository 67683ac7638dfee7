/**
 * What a pool asks before it logs in, and what it reports afterwards. The room `acquire` implements it; `drivers` only
 * declares it.
 */

/** Decides for one server whether its pool may log in. */
export interface LoginGate {
	/** Why callers wait at the moment: the server's last answer to a login. `undefined` while logins succeed. */
	readonly failure: Error | undefined;
	/** When the first of those answers came, on the monotonic clock. */
	readonly failureSinceMs: number;
	/** A caller waits because {@link mayLogin} said no. */
	callerHeld(): void;
	/** A connection was lost unasked: the credentials may have changed. */
	connectionLost(): void;
	/**
	 * A login failed.
	 * @param isCurrent whether the login used the credentials that serve now.
	 * @returns Whether its caller waits for another attempt instead of getting the error.
	 */
	loginFailed(error: unknown, isCurrent: boolean): boolean;
	/** A login begins. @param isExchange whether it is one of an exchange and not one of a caller. */
	loginStarted(isExchange: boolean): void;
	/** A login succeeded. @param isCurrent whether it used the credentials that serve now. */
	loginSucceeded(isCurrent: boolean): void;
	/** Whether another login may begin now. */
	mayLogin(): boolean;
}
