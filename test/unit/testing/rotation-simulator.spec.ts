/** The simulated rotation keeps the stages of the secret and the passwords of the server as AWS's rotation functions do. */
import { RotateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

import { RotationSimulator, type IRotationSimulatorOptions, type FakeAws, startFakeAws } from "../../../src/testing.js";
import { endLater } from "../../support/endings.js";

const SECRET_ID = "shop/database";

let aws: FakeAws;
/** Passwords as the server knows them. */
let server: Record<string, string>;

beforeEach(async () => {
	aws = await startFakeAws();
	endLater(async () => aws.stop());
	server = { app: "one", app_clone: "none" };
	aws.secrets.put(SECRET_ID, { dbname: "shop", password: "one", username: "app" });
});

function simulate(options: Partial<IRotationSimulatorOptions> = {}): RotationSimulator {
	return new RotationSimulator({
		aws,
		secretId: SECRET_ID,
		setPassword: async ({ password, username }) => {
			server[username] = password;
		},
		...options,
	});
}

describe("a rotation of a single user", () => {
	it("changes the password on the server first, and keeps what else the secret holds", async () => {
		let inTheWindow: unknown;
		const rotation = simulate({ createPassword: () => "two" });

		const login = await rotation.rotate({
			before: {
				finishSecret: async () => (inTheWindow = { current: rotation.current, server: { ...server } }),
			},
		});

		expect(inTheWindow).toEqual({
			current: { password: "one", username: "app" },
			server: { app: "two", app_clone: "none" },
		});
		expect(login).toEqual({ password: "two", username: "app" });
		expect(JSON.parse(String(aws.secrets.get(SECRET_ID)))).toEqual({ dbname: "shop", password: "two", username: "app" });
		expect(Object.values(aws.secrets.versions(SECRET_ID)).sort()).toEqual([["AWSCURRENT"], ["AWSPREVIOUS"]]);
	});

	it("has a new password each time", async () => {
		const rotation = simulate();

		const passwords = new Set([(await rotation.rotate()).password, (await rotation.rotate()).password, "one"]);

		expect(passwords.size).toBe(3);
	});
});

describe("a rotation of alternating users", () => {
	it("goes to the clone and back, and never touches the password that is in use", async () => {
		const rotation = simulate({ strategy: "alternating" });

		const first = await rotation.rotate();
		expect(server).toEqual({ app: "one", app_clone: first.password });
		const second = await rotation.rotate();

		expect([first.username, second.username]).toEqual(["app_clone", "app"]);
		expect(server).toEqual({ app: second.password, app_clone: first.password });
	});

	it("takes the two users that it is given", async () => {
		const rotation = simulate({ strategy: "alternating", users: ["app", "app_green"] });

		expect([(await rotation.rotate()).username, (await rotation.rotate()).username]).toEqual(["app_green", "app"]);
	});
});

describe("a rotation that fails", () => {
	it.each(["createSecret", "setSecret", "testSecret", "finishSecret"] as const)("at %s is completed by the next one", async (failAt) => {
		const passwords = ["two", "three"];
		const rotation = simulate({ createPassword: () => String(passwords.shift()) });

		await expect(rotation.rotate({ failAt })).rejects.toThrow(failAt);
		expect(rotation.current.password).toBe("one");
		const login = await rotation.rotate();

		expect(login).toEqual({ password: "two", username: "app" });
		expect(server["app"]).toBe("two");
	});

	it("is rejected with what setPassword throws", async () => {
		const rotation = simulate({ setPassword: async () => Promise.reject(new Error("no route to the server")) });

		await expect(rotation.rotate()).rejects.toThrow("no route to the server");
		expect(aws.secrets.get(SECRET_ID, "AWSPENDING")).toBeDefined();
	});

	it("says which secret cannot be used, without its text", async () => {
		aws.secrets.put(SECRET_ID, "hunter2");

		const failure = simulate().rotate();

		await expect(failure).rejects.toThrow(`AWSCURRENT of "${SECRET_ID}" is no JSON object`);
		await expect(failure).rejects.not.toThrow("hunter2");
	});
});

it("runs where RotateSecret asks for a rotation", async () => {
	const rotation = simulate({ createPassword: () => "two" });
	const client = new SecretsManagerClient(aws.clientConfig);
	endLater(async () => client.destroy());

	await client.send(new RotateSecretCommand({ SecretId: SECRET_ID }));
	await aws.secrets.rotationEnd(SECRET_ID);

	expect(rotation.current.password).toBe("two");
	expect(server["app"]).toBe("two");
});
