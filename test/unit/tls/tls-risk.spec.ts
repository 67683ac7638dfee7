/** A connection that proves nothing is spoken of, with the host; one without TLS is not where it stays on this machine or is intended. */
import { findTlsRisk, type TlsRiskSubject } from "../../../src/tls/tls-risk.js";

const RDS = "shop.abc.eu-west-1.rds.amazonaws.com";
const LOCAL = "localhost";
const OWN = "db.example.com";

const environment = { ...process.env };

afterEach(() => {
	process.env = { ...environment };
});

describe("a risk", () => {
	it.each([
		["tls: false", { hosts: [RDS], tls: false }, undefined, `The connection to "${RDS}" is not encrypted, since "tls" is false`],
		["tls: false for a replica", { hosts: [LOCAL, RDS, RDS], tls: false }, undefined, `The connection to "${RDS}" is not encrypted`],
		[
			"no verification",
			{ hosts: [RDS], tls: { rejectUnauthorized: false } },
			undefined,
			`The certificate of "${RDS}" is not verified, since "tls" says so`,
		],
		[
			"no verification of another host",
			{ hosts: [LOCAL, "b"], tls: { rejectUnauthorized: false } },
			undefined,
			'The certificate of "localhost", "b" is not verified',
		],
		["TypeORM's ssl: false", { hosts: [RDS], tls: undefined }, false, 'since "typeOrmOptions.ssl" is false'],
		[
			"TypeORM's ssl without verification",
			{ hosts: [RDS], tls: undefined },
			{ rejectUnauthorized: false },
			'since "typeOrmOptions.ssl" says so',
		],
	])("is %s", (_, subject, ssl, text) => {
		expect(findTlsRisk(subject, ssl)).toContain(text);
	});

	it.each([
		["the default", { hosts: [RDS], tls: undefined }, undefined],
		["tls: true", { hosts: [RDS], tls: true }, undefined],
		["verification that is said", { hosts: [RDS], tls: { rejectUnauthorized: true } }, undefined],
		["an authority", { hosts: [RDS], tls: { ca: "…" } }, undefined],
		["a local server without TLS", { hosts: [LOCAL], tls: false }, undefined],
		["TypeORM's ssl: true", { hosts: [RDS], tls: undefined }, true],
		["TypeORM's own authority", { hosts: [RDS], tls: undefined }, { ca: "…" }],
		["TypeORM's ssl: false for a local server", { hosts: [LOCAL], tls: undefined }, false],
	])("is not %s", (_, subject, ssl) => {
		expect(findTlsRisk(subject, ssl)).toBeUndefined();
	});
});

describe("a connection in clear", () => {
	it.each<[string, Partial<TlsRiskSubject>, unknown, string]>([
		["by default", {}, undefined, "no option asks for TLS"],
		["by tls: false", { tls: false }, undefined, '"tls" is false'],
		["by TypeORM's ssl: false", {}, false, '"typeOrmOptions.ssl" is false'],
	])("is one %s, for each host that is not this machine", (_, subject, ssl, reason) => {
		const hosts = [OWN, LOCAL, "10.0.0.1", "127.0.0.1"];
		for (const type of ["postgres", "cockroachdb", "mysql", "mariadb"] as const) {
			expect(findTlsRisk({ hosts, tls: undefined, type, ...subject }, ssl)).toBe(
				`The connection to "${OWN}", "10.0.0.1" is not encrypted, since ${reason}. The password and all queries can be read and changed on ` +
					"the way. Give tls: true, or isPlaintextAllowed: true where the network is trusted.",
			);
		}
	});

	it("to a database of AWS is advised against, not permitted", () => {
		expect(findTlsRisk({ hosts: [RDS], tls: false })).toMatch(/A database of AWS offers TLS\.$/);
	});

	it.each<[string, Partial<TlsRiskSubject>, unknown]>([
		["where it is intended", { isPlaintextAllowed: true }, undefined],
		["where it is intended for a database of AWS", { hosts: [RDS], isPlaintextAllowed: true, tls: false }, undefined],
		["where the other hosts are of AWS, and encrypt this one, too", { hosts: [OWN, RDS] }, undefined],
	])("is not mentioned %s", (_, subject, ssl) => {
		expect(findTlsRisk({ hosts: [OWN], tls: undefined, ...subject }, ssl)).toBeUndefined();
	});

	it("does not permit an encrypted one that proves nothing", () => {
		const subject = { hosts: [OWN], isPlaintextAllowed: true, tls: { rejectUnauthorized: false } };

		expect(findTlsRisk(subject)).toContain("is not verified");
	});

	it.each([
		"127.0.0.1",
		"127.9.9.9",
		"::1",
		"0:0:0:0:0:0:0:1",
		"::ffff:127.0.0.1",
		"localhost",
		"LOCALHOST",
		"localhost.",
		"db.localhost",
	])("is not mentioned on this machine: %s", (host) => {
		expect(findTlsRisk({ hosts: [host], tls: undefined })).toBeUndefined();
	});

	it.each([
		"127.0.0.1.example.com",
		"localhost.example.com",
		"notlocalhost",
		"0.0.0.0",
		"128.0.0.1",
		"::2",
		"::ffff:10.0.0.1",
		"0x7f000001",
	])("is mentioned for what only looks like this machine: %s", (host) => {
		expect(findTlsRisk({ hosts: [host], tls: undefined })).toContain(`"${host}" is not encrypted`);
	});

	it.each([
		["require", undefined],
		["verify-full", undefined],
		["prefer", undefined],
		["no-verify", "is not verified"],
		["disable", "is not encrypted"],
		["allow", "is not encrypted"],
	])("is what pg makes of PGSSLMODE=%s", (mode, expected) => {
		process.env["PGSSLMODE"] = mode;

		const risk = findTlsRisk({ hosts: [OWN], tls: undefined, type: "postgres" });

		expect(risk ?? "").toContain(expected ?? "");
		expect(risk === undefined).toBe(expected === undefined);
		expect(findTlsRisk({ hosts: [OWN], tls: undefined, type: "mysql" })).toContain("is not encrypted");
		expect(findTlsRisk({ hosts: [OWN], tls: false, type: "postgres" })).toContain("is not encrypted");
	});
});

describe("a name that is not checked", () => {
	it.each<[string, unknown]>([
		["an authority", { ca: "…" }],
		["a profile", "Amazon RDS"],
		["verifyIdentity: false", { verifyIdentity: false }],
	])("is a risk with mysql2 and %s", (_, ssl) => {
		for (const type of ["mysql", "mariadb"] as const) {
			expect(findTlsRisk({ hosts: [RDS], tls: undefined, type }, ssl)).toContain(
				`The name in the certificate of "${RDS}" is not checked, since "typeOrmOptions.ssl" lacks verifyIdentity: true.`,
			);
		}
		expect(findTlsRisk({ hosts: [RDS], tls: undefined, type: "mysql" }, { ca: "…", verifyIdentity: true })).toBeUndefined();
	});

	it("is a risk with pg and a checkServerIdentity of the application's own", () => {
		expect(findTlsRisk({ hosts: [RDS], tls: undefined, type: "postgres" }, { checkServerIdentity: () => undefined })).toContain(
			`The name in the certificate of "${RDS}" is not checked, since "typeOrmOptions.ssl" has a checkServerIdentity of its own.`,
		);
	});
});

describe("a certificate that is not verified", () => {
	it("is a risk with pg by its own word for it", () => {
		expect(findTlsRisk({ hosts: [OWN], tls: undefined, type: "postgres" }, "no-verify")).toContain("is not verified");
	});

	it("is a risk with pg where the environment of Node says so and the option says nothing", () => {
		process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";

		expect(findTlsRisk({ hosts: [OWN], tls: undefined, type: "postgres" }, true)).toContain("is not verified");
		expect(findTlsRisk({ hosts: [OWN], tls: undefined, type: "postgres" }, { rejectUnauthorized: true })).toBeUndefined();
		expect(findTlsRisk({ hosts: [OWN], tls: true, type: "postgres" })).toBeUndefined();
	});
});
