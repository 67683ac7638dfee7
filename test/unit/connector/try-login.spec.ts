/** What a login says about the credentials: only a wrong password speaks against them. */
import type { DataSourceOptions } from "typeorm";

import { tryLogin } from "../../../src/connector/try-login.js";

/** Options whose server answers each login with `error`. */
function refuseWith(error: Error): DataSourceOptions {
	class Pool {
		on(): this {
			return this;
		}

		connect(callback: (error: Error) => void): void {
			callback(error);
		}
	}
	return { driver: { Pool }, host: "db", password: "one", type: "postgres", username: "app" };
}

describe("tryLogin", () => {
	it.each([
		["a wrong password", "28P01", "refused"],
		["no entry in pg_hba.conf, as for a login without TLS where the server insists on it", "28000", "unknown"],
		["no room", "53300", "unknown"],
		["no server", "ECONNREFUSED", "unknown"],
	])("takes %s (%s) for %s", async (_, code, expected) => {
		const options = refuseWith(Object.assign(new Error("no"), { code }));

		await expect(tryLogin(options)).resolves.toBe(expected);
	});
});
