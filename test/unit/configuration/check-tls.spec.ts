/** Certificates, keys and names of the TLS settings are looked at before a connection uses them. */
import { createPrivateKey } from "node:crypto";

import { checkTls, checkTlsKind } from "../../../src/configuration/check-tls.js";
import { CertificateAuthority } from "../../support/certificates.js";

const authority = new CertificateAuthority("Test CA");
const client = authority.issue({ commonName: "app" });
const other = authority.issue({ commonName: "other" });
const lockedKey = createPrivateKey(client.key).export({
	cipher: "aes-256-cbc",
	format: "pem",
	passphrase: "open",
	type: "pkcs8",
}) as string;

function find(tls: unknown, typeOrmOptions?: unknown): string[] {
	return checkTls(tls, typeOrmOptions).map(({ message }) => message);
}

describe("tls", () => {
	it.each([true, false, {}, { ca: undefined }])("may be %j", (tls) => {
		expect(checkTlsKind(tls)).toBeUndefined();
		expect(find(tls)).toEqual([]);
	});

	it.each(["disabled", 1, [], null])("may not be %j", (tls) => {
		expect(checkTlsKind(tls)).toBe("must be true, false or an object");
	});

	it("names what it does not know", () => {
		expect(find({ serverName: "db.test" })).toEqual(['Option "tls.serverName" is unknown; the nearest known one is "tls.servername".']);
	});

	it.each([
		[{ ssl: true }, "typeOrmOptions.ssl"],
		[{ ssl: false }, "typeOrmOptions.ssl"],
		[{ extra: { ssl: {} } }, "typeOrmOptions.extra.ssl"],
	])("is refused beside typeOrmOptions %j", (typeOrmOptions, place) => {
		expect(find(true, typeOrmOptions)).toEqual([`Option "tls" is given together with "${place}"; only one of them can count.`]);
		expect(find(false, typeOrmOptions)).toHaveLength(1);
		expect(find(undefined, typeOrmOptions)).toEqual([]);
	});

	it("stands beside other options of TypeORM", () => {
		expect(find(true, { extra: { ssl: undefined }, schema: "shop", ssl: undefined })).toEqual([]);
	});
});

describe("tls.ca", () => {
	it.each([
		["one certificate", authority.certificate],
		["a Buffer", Buffer.from(authority.certificate)],
		["a bundle with remarks", `# region 1\n${authority.certificate}\n# region 2\r\n${client.certificate.replaceAll("\n", "\r\n")}`],
		["a list", [authority.certificate, Buffer.from(client.certificate)]],
	])("may be %s", (_, ca) => {
		expect(find({ ca })).toEqual([]);
	});

	it.each([
		["a path", "/etc/ssl/ca.pem"],
		["nothing", ""],
		["an empty list", []],
		["a list with a path in it", [authority.certificate, "/etc/ssl/ca.pem"]],
		["a number", 1],
		["a key", client.key],
		["a certificate that is cut", authority.certificate.replace(/\n.{20}/, "\n")],
		["a bundle with such a one", `${authority.certificate}\n${authority.certificate.replace(/\n.{20}/, "\n")}`],
	])("may not be %s", (_, ca) => {
		expect(find({ ca })).toEqual(['Option "tls.ca" must hold certificates in PEM form: their text, not the path of a file.']);
	});
});

describe("tls.cert and tls.key", () => {
	it("belong together", () => {
		expect(find({ cert: client.certificate, key: client.key })).toEqual([]);
		expect(find({ cert: Buffer.from(client.certificate), key: Buffer.from(client.key) })).toEqual([]);
	});

	it("may be locked by a passphrase", () => {
		expect(find({ cert: client.certificate, key: lockedKey, passphrase: "open" })).toEqual([]);
	});

	it.each([
		[{ cert: client.certificate }, 'Option "tls.cert" needs "tls.key".'],
		[{ key: client.key }, 'Option "tls.key" needs "tls.cert".'],
		[{ passphrase: "open" }, 'Option "tls.passphrase" needs "tls.key".'],
		[{ cert: client.certificate, key: other.key }, 'Option "tls.key" does not belong to "tls.cert".'],
		[
			{ cert: "/client.pem", key: client.key },
			'Option "tls.cert" must be a certificate in PEM form: its text, not the path of a file.',
		],
		[{ cert: client.certificate, key: 1 }, 'Option "tls.key" must be a private key in PEM form.'],
		[{ cert: client.certificate, key: client.key, passphrase: 1 }, 'Option "tls.passphrase" must be a string.'],
	])("are refused otherwise (%#)", (tls, message) => {
		expect(find(tls)).toEqual([message]);
	});

	it.each([
		["a path", { key: "/client-key.pem" }],
		["a key that stays locked", { key: lockedKey }],
		["a wrong passphrase", { key: lockedKey, passphrase: "secret passphrase" }],
	])("are refused with %s, of which nothing is said", (_, tls) => {
		const problems = find({ cert: client.certificate, ...tls });

		expect(problems).toEqual([
			'Option "tls.key" cannot be read: it must be a private key in PEM form, with "tls.passphrase" if it is encrypted.',
		]);
	});
});

describe("tls.servername", () => {
	it.each(["db.test", "shop.abc.eu-west-1.rds.amazonaws.com"])("may be %s", (servername) => {
		expect(find({ servername })).toEqual([]);
	});

	it.each(["", "db.test:5432", "10.0.0.1", "::1", "postgres://db.test", "a b", 1])("may not be %j", (servername) => {
		expect(find({ servername })).toEqual([
			'Option "tls.servername" must be the host name in the server\'s certificate, without a port.',
		]);
	});
});

describe("tls.rejectUnauthorized", () => {
	it("is true or false", () => {
		expect(find({ rejectUnauthorized: false })).toEqual([]);
		expect(find({ rejectUnauthorized: "no" })).toEqual(['Option "tls.rejectUnauthorized" must be true or false.']);
	});
});
