/** The public shape of a simulated rotation. */
import type { FakeAws } from "./fake-aws.js";
import type { RotationEvent } from "./secret-vault.js";

/**
 * A login of the database, as a secret holds it.
 * @example
 * { username: "shop_api", password: "one" }
 */
export interface ITestLogin {
	/** Password. */
	readonly password: string;
	/** User of the database. */
	readonly username: string;
}

/**
 * Which secret is rotated, and how.
 * @example
 * { aws, secretId: "shop/database", setPassword: ({ username, password }) => admin.query(`ALTER ROLE ${username} PASSWORD '${password}'`) }
 */
export interface IRotationSimulatorOptions {
	/** The endpoint that has the secret. */
	readonly aws: FakeAws;
	/** The password of a new version. Default: random. */
	readonly createPassword?: () => string;
	/** Name or ARN of a secret whose value is a JSON object with `username` and `password`. */
	readonly secretId: string;
	/** Gives the user this password on the server; called in the step `setSecret`. */
	readonly setPassword: (login: ITestLogin) => Promise<unknown>;
	/**
	 * As the rotation functions of AWS. `singleUser` changes the password of the one user: until the step `finishSecret`
	 * AWSCURRENT is refused. `alternating` changes that of the other user, which has to exist on the server. Default
	 * `singleUser`.
	 */
	readonly strategy?: "alternating" | "singleUser";
	/** Both users of `alternating`. Default: the user of the secret, and its name followed by `_clone`. */
	readonly users?: readonly [string, string];
	/** Time between `setSecret` and `finishSecret`, in milliseconds. Default 0. */
	readonly windowMs?: number;
}

/**
 * What differs in one rotation.
 * @example
 * await rotation.rotate({ before: { finishSecret: async () => expect(await countUsers()).toBe(2) } });
 */
export interface IRotateOnceOptions {
	/** Called before a step, for what a test checks or breaks in the middle. */
	readonly before?: Readonly<Partial<Record<RotationEvent["step"], () => Promise<unknown>>>>;
	/** The step that fails. AWSPENDING stays, and the next rotation goes on with it, as a retry of AWS does. */
	readonly failAt?: RotationEvent["step"];
}
