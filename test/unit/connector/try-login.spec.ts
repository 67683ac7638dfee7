/** What a login says about the credentials: only a wrong password speaks against them. */
import type { DataSourceOptions } from "typeorm";

import type * as TryLogin from "../../../src/connector/choose-login.js";
import { loadWithTypeOrm } from "../../support/load-with-typeorm.js";
import { TYPEORM_VERSIONS } from "../../support/typeorm-versions.js";

let userCount = 0;

/** A user of its own for each claim: refused credentials are asked about at a pace. */
function createUser(): string {
	userCount += 1;
	return `app_${String(userCount)}`;
}

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
	return { driver: { Pool }, host: "db", password: "one", type: "postgres", username: createUser() };
}

interface MysqlAnswers {
	/** What the server says to a login. */
	readonly login?: Error;
	/** What it says to the first statement. */
	readonly statement?: Error;
}

/** Options whose MySQL server answers so, and how many of its pools are open. */
function answerAsMysql({ login, statement }: MysqlAnswers): { countOpen: () => number; options: DataSourceOptions } {
	let openCount = 0;
	// Each TypeORM has its own name for it.
	const rows = [{ version: "8.0.40", "version()": "8.0.40" }];
	const connection = {
		listeners: () => [1],
		// TypeORM 1 asks by promise, TypeORM 0.3 by callback.
		promise: () => ({
			query: async () => (statement === undefined ? Promise.resolve([rows]) : Promise.reject(statement)),
		}),
		query: (_sql: string, _values: unknown, done: (error: Error | undefined, rows: object[]) => void) => done(statement, rows),
		release: () => undefined,
	};
	const createPool = (): object => {
		openCount += 1;
		return {
			end: (callback: () => void) => {
				openCount -= 1;
				callback();
			},
			getConnection: (callback: (error: Error | undefined, connection?: object) => void) => callback(login, connection),
		};
	};
	const options = {
		database: "shop",
		driver: { createPool },
		host: "db",
		password: "one",
		type: "mysql",
		username: createUser(),
	} satisfies DataSourceOptions;
	return { countOpen: () => openCount, options };
}

describe.each(TYPEORM_VERSIONS)("tryLogin with TypeORM $label", (version) => {
	const { tryLogin } = loadWithTypeOrm(version, () => require("../../../src/connector/choose-login.js") as typeof TryLogin);

	describe("on MySQL", () => {
		it.each<[string, MysqlAnswers, string]>([
			["a login and its first statement", {}, "accepted"],
			["a wrong password", { login: Object.assign(new Error("no"), { errno: 1_045 }) }, "refused"],
			["an expired password", { statement: Object.assign(new Error("no"), { errno: 1_820 }) }, "refused"],
			["no right to the database", { login: Object.assign(new Error("no"), { errno: 1_044 }) }, "unknown"],
		])("answers to %s and leaves nothing open", async (_, answers, expected) => {
			const { countOpen, options } = answerAsMysql(answers);

			const answer = await tryLogin(options);

			expect([answer, countOpen()]).toEqual([expected, 0]);
		});
	});

	it("asks a server that has refused credentials at the pace of other logins, and other credentials at once", async () => {
		const { options } = answerAsMysql({ login: Object.assign(new Error("no"), { errno: 1_045 }) });
		const well = { ...answerAsMysql({}).options, username: (options as { username?: string }).username } as DataSourceOptions;

		const answers = [await tryLogin(options), await tryLogin(well), await tryLogin({ ...well, password: "two" } as DataSourceOptions)];

		expect(answers).toEqual(["refused", "refused", "accepted"]);
	});

	describe("on PostgreSQL", () => {
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
});
