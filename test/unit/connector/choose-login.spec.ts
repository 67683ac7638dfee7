/** In the middle of a rotation an application starts on the version that the server takes. */
import { chooseLogin } from "../../../src/connector/choose-login.js";
import type { LoginAnswer } from "../../../src/connector/choose-login.js";
import { Credentials } from "../../../src/credentials/credentials-provider.js";

const CURRENT = new Credentials({ password: "current", username: "app" });
const PENDING = new Credentials({ password: "pending", username: "app" });
const PREVIOUS = new Credentials({ password: "previous", username: "app" });

/** Chooses between the three while the server answers as given, and lists what was tried. */
async function choose(
	answers: { readonly current?: LoginAnswer; readonly pending?: LoginAnswer; readonly previous?: LoginAnswer },
	secrets: { readonly pending: Credentials | undefined; readonly previous: Credentials | undefined } = {
		pending: PENDING,
		previous: PREVIOUS,
	},
): Promise<{ chosen: Credentials; tried: string[] }> {
	const tried: string[] = [];
	const tryLogin = async ({ password }: Credentials): Promise<LoginAnswer> => {
		tried.push(password);
		return Promise.resolve((answers as Record<string, LoginAnswer | undefined>)[password] ?? "refused");
	};
	const fetchPrevious = async (): Promise<Credentials | undefined> => Promise.resolve(secrets.previous);
	const chosen = await chooseLogin({ current: CURRENT, fetchPrevious, pending: secrets.pending, tryLogin });
	return { chosen, tried };
}

describe("chooseLogin", () => {
	it.each([[undefined], [new Credentials({ password: "current", username: "app" })]])(
		"logs in nowhere when no other version is pending: %p",
		async (pending) => {
			await expect(choose({}, { pending, previous: PREVIOUS })).resolves.toEqual({ chosen: CURRENT, tried: [] });
		},
	);

	it("takes another user name for another login", async () => {
		const pending = new Credentials({ password: "current", username: "app_clone" });

		await expect(choose({ current: "accepted" }, { pending, previous: undefined })).resolves.toEqual({
			chosen: CURRENT,
			tried: ["current"],
		});
	});

	it.each(["accepted", "unknown"] as const)("stays with the current version when the answer to it is %s", async (current) => {
		await expect(choose({ current, pending: "accepted" })).resolves.toEqual({ chosen: CURRENT, tried: ["current"] });
	});

	it("takes the pending version when only that is accepted", async () => {
		await expect(choose({ pending: "accepted" })).resolves.toEqual({ chosen: PENDING, tried: ["current", "pending"] });
	});

	it("takes the previous version when only that is accepted", async () => {
		await expect(choose({ previous: "accepted" })).resolves.toEqual({ chosen: PREVIOUS, tried: ["current", "pending", "previous"] });
	});

	it.each([undefined, new Credentials({ password: "current", username: "app" })])(
		"does not try the same login again: %p",
		async (previous) => {
			await expect(choose({}, { pending: PENDING, previous })).resolves.toEqual({ chosen: CURRENT, tried: ["current", "pending"] });
		},
	);

	it.each(["refused", "unknown"] as const)("stays with the current version when the answer to all others is %s", async (answer) => {
		await expect(choose({ pending: answer, previous: answer })).resolves.toMatchObject({ chosen: CURRENT });
	});
});
