/** A login given in code is served as it is. */
import { StaticCredentials } from "../../../src/credentials/static-credentials.js";

describe("StaticCredentials", () => {
	it("serves the same login again and again, also after it was renewed and closed", async () => {
		const provider = new StaticCredentials({ password: " p ", username: "u" });

		const first = await provider.fetch();
		provider.renew();
		provider.close();

		expect({ password: first.password, username: first.username }).toEqual({ password: " p ", username: "u" });
		expect(first.versionId).toBeUndefined();
		await expect(provider.fetch()).resolves.toBe(first);
		await expect(provider.fetchVersion()).resolves.toBeUndefined();
	});
});
