/** A connection that proves nothing is spoken of, with the host; a local one without TLS is not. */
import { findTlsRisk } from "../../../src/tls/tls-risk.js";

const RDS = "shop.abc.eu-west-1.rds.amazonaws.com";
const LOCAL = "localhost";

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
