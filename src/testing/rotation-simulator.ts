/** Rotates a secret of the fake endpoint in the four steps of AWS's rotation functions, on a database of the test. */
import { randomUUID } from "node:crypto";

import { sleep, systemClock } from "../support/clock.js";
import type { IRotateOnceOptions, IRotationSimulatorOptions, ITestLogin } from "./rotation-simulator.options.js";
import type { RotationEvent } from "./secret-vault.js";

const STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"] as const;
const CLONE_SUFFIX = "_clone";

/**
 * A rotation of one secret. `RotateSecret` of the endpoint runs it, too.
 * @example
 * const rotation = new RotationSimulator({ aws, secretId: "shop/database", setPassword });
 * await rotation.rotate();
 * await rotation.rotate({ failAt: "testSecret" }); // rejects; AWSPENDING stays
 */
export class RotationSimulator {
	constructor(private readonly options: IRotationSimulatorOptions) {
		const { aws, secretId, windowMs = 0 } = options;
		aws.secrets.setRotationFunction(secretId, async (event) => {
			if (event.step === "finishSecret") await sleep(systemClock, windowMs);
			await this.runStep(event);
		});
	}

	/** User and password of AWSCURRENT. */
	get current(): ITestLogin {
		return this.read("AWSCURRENT");
	}

	/**
	 * Rotates once: a new version as AWSPENDING, the password on the server, then AWSCURRENT.
	 * @returns the new login.
	 * @throws what `setPassword` throws, and an error that names the step of `failAt`.
	 */
	async rotate({ before = {}, failAt }: IRotateOnceOptions = {}): Promise<ITestLogin> {
		const { aws, secretId, windowMs = 0 } = this.options;
		const clientRequestToken = this.findPending() ?? randomUUID();
		for (const step of STEPS) {
			if (step === "finishSecret") await sleep(systemClock, windowMs);
			await before[step]?.();
			if (step === failAt) throw new Error(`The rotation fails at ${step}, as the test says`);
			await this.runStep({ clientRequestToken, secretId: aws.secrets.arn(secretId), step });
		}
		return this.current;
	}

	private async runStep({ clientRequestToken, step }: RotationEvent): Promise<void> {
		const { aws, secretId, setPassword } = this.options;
		switch (step) {
			case "createSecret":
				if (aws.secrets.get(secretId, "AWSPENDING") === undefined) this.createVersion(clientRequestToken);
				return;
			case "setSecret":
				await setPassword(this.read("AWSPENDING"));
				return;
			case "testSecret":
				return;
			case "finishSecret":
				aws.secrets.moveStage(secretId, "AWSCURRENT", clientRequestToken);
				aws.secrets.moveStage(secretId, "AWSPENDING", undefined);
		}
	}

	private createVersion(versionId: string): void {
		const { aws, createPassword = randomUUID, secretId } = this.options;
		const value = this.parse("AWSCURRENT");
		const login = { password: createPassword(), username: this.chooseUser(this.current.username) };
		aws.secrets.put(secretId, { ...value, ...login }, { stages: ["AWSPENDING"], versionId });
	}

	private chooseUser(current: string): string {
		const { strategy = "singleUser", users } = this.options;
		if (strategy === "singleUser") return current;
		if (users !== undefined) return users[0] === current ? users[1] : users[0];
		return current.endsWith(CLONE_SUFFIX) ? current.slice(0, -CLONE_SUFFIX.length) : `${current}${CLONE_SUFFIX}`;
	}

	/** The version of a rotation that has failed. */
	private findPending(): string | undefined {
		const versions = Object.entries(this.options.aws.secrets.versions(this.options.secretId));
		return versions.find(([, stages]) => stages.includes("AWSPENDING") && !stages.includes("AWSCURRENT"))?.[0];
	}

	private read(stage: string): ITestLogin {
		const { password, username } = this.parse(stage);
		if (typeof password !== "string" || typeof username !== "string") throw this.describeUnusable(stage);
		return { password, username };
	}

	private parse(stage: string): Record<string, unknown> {
		const text = this.options.aws.secrets.get(this.options.secretId, stage);
		try {
			return JSON.parse(String(text)) as Record<string, unknown>;
		} catch {
			throw this.describeUnusable(stage);
		}
	}

	private describeUnusable(stage: string): Error {
		return new Error(`${stage} of "${this.options.secretId}" is no JSON object with "username" and "password"`);
	}
}
