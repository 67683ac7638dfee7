/** The settings of a connector become what pg and mysql2 take as `ssl`, the same object for the same settings. */
import { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import * as tls from "node:tls";

import type { TDatabaseType } from "../../../src/configuration/typeorm.options.js";
import { ConfigurationError } from "../../../src/errors/errors.js";
import { listNodeAuthorities } from "../../../src/tls/authorities.js";
import { createTlsOptions, type TlsSubject } from "../../../src/tls/tls-options.js";
import { CertificateAuthority } from "../../support/certificates.js";

const RDS = "shop.abc.eu-west-1.rds.amazonaws.com";
const DSQL = "abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws";
const PG: readonly TDatabaseType[] = ["postgres", "cockroachdb"];
const MYSQL: readonly TDatabaseType[] = ["mysql", "mariadb"];
const ENGINES = [...PG, ...MYSQL];

/** What pg makes of its options for pg-native. */
const ConnectionParameters = require("pg/lib/connection-parameters") as new (config: object) => {
	getLibpqConnectionString(done: (error: Error | null, text: string) => void): void;
};

const authority = new CertificateAuthority("Test CA");
const client = authority.issue({ commonName: "app" });

interface PgTls {
	readonly checkServerIdentity?: typeof tls.checkServerIdentity;
	readonly rejectUnauthorized: boolean;
	readonly secureContext: tls.SecureContext;
	readonly servername?: string;
	readonly sslmode: string;
}

interface MysqlTls extends tls.SecureContextOptions {
	readonly rejectUnauthorized: boolean;
	readonly verifyIdentity: boolean;
}

async function create<Options = PgTls>(subject: Partial<TlsSubject> = {}): Promise<Options> {
	return (await createTlsOptions({ hosts: ["db.test"], tls: undefined, type: "postgres", ...subject })) as Options;
}

async function refuse(subject: Partial<TlsSubject>): Promise<string> {
	const error: unknown = await create(subject).catch((reason: unknown) => reason);
	if (!(error instanceof ConfigurationError)) throw new Error("was not refused");
	return error.message;
}

describe.each(PG)("TLS of %s with an IP address", (type) => {
	const identify = async (host: string, names: string[], subject: Partial<TlsSubject> = {}): Promise<string | undefined> => {
		const { checkServerIdentity } = await create({ host, hosts: [host], tls: true, type, ...subject });
		const { certificate } = authority.issue({ names });
		// Older versions of pg give no host, so that Node asks about this one.
		return checkServerIdentity?.("localhost", new X509Certificate(certificate).toLegacyObject())?.message;
	};

	it.each(["10.0.0.1", "127.0.0.1"])("checks the address itself, whatever the driver asks about: %s", async (host) => {
		await expect(identify(host, [host])).resolves.toBeUndefined();
		await expect(identify(host, ["localhost"])).resolves.toContain("does not match certificate's altnames");
		await expect(identify(host, ["10.0.0.2"])).resolves.toContain("does not match certificate's altnames");
	});

	it("checks each of several servers by its own address", async () => {
		const hosts = ["10.0.0.1", "10.0.0.2"];

		for (const host of hosts) {
			await expect(identify(host, [host], { hosts })).resolves.toBeUndefined();
			await expect(
				identify(
					host,
					hosts.filter((other) => other !== host),
					{ hosts },
				),
			).resolves.toContain("does not match");
		}
	});

	it("checks the name that is given instead", async () => {
		await expect(identify("10.0.0.1", ["db.internal"], { tls: { servername: "db.internal" } })).resolves.toBeUndefined();
	});

	it("leaves the name of a host to the driver", async () => {
		await expect(create({ hosts: ["db.test"], tls: true, type })).resolves.not.toHaveProperty("checkServerIdentity");
	});

	it("is the same object for the same address", async () => {
		const first = await create({ hosts: ["10.0.0.1"], tls: true, type });

		await expect(create({ hosts: ["10.0.0.1"], tls: true, type })).resolves.toBe(first);
		await expect(create({ hosts: ["10.0.0.2"], tls: true, type })).resolves.not.toBe(first);
	});
});

describe.each(ENGINES)("TLS of %s", (type) => {
	it.each([[RDS], [DSQL], ["localhost", RDS]])("is on and verified by itself for %s %s", async (...hosts) => {
		await expect(create({ hosts: hosts.filter(Boolean), type })).resolves.toMatchObject({ rejectUnauthorized: true });
	});

	it.each(["localhost", "127.0.0.1", "db.example.com"])("is left to the driver for %s", async (host) => {
		await expect(create({ hosts: [host], type })).resolves.toBeUndefined();
	});

	it.each(["localhost", "db.example.com", RDS])("is on for %s when asked for", async (host) => {
		for (const asked of [true, {}])
			await expect(create({ hosts: [host], tls: asked, type })).resolves.toMatchObject({ rejectUnauthorized: true });
	});

	it.each(["localhost", RDS, DSQL])("is off for %s when told so", async (host) => {
		await expect(create({ hosts: [host], tls: false, type })).resolves.toBe(false);
	});

	it("is the same object for the same settings, and another one where the authorities are others", async () => {
		const settings = { ca: authority.certificate };
		const first = await create({ hosts: [RDS], tls: settings, type });
		const [other, ...same] = await Promise.all([
			create({ hosts: ["db.test"], tls: settings, type }),
			create({ hosts: ["another.eu-west-1.rds.amazonaws.com"], tls: settings, type }),
			create({ hosts: [RDS, "db.test"], tls: settings, type }),
		]);

		expect(same.every((options) => options === first)).toBe(true);
		expect(other).not.toBe(first);
		await expect(create({ hosts: [RDS], tls: { ...settings }, type })).resolves.not.toBe(first);
		await expect(create({ hosts: [RDS], type })).resolves.toBe(await create({ hosts: [RDS], tls: true, type }));
	});
});

describe("what mysql2 is given", () => {
	it.each(MYSQL)("has the host name checked (%s)", async (type) => {
		await expect(create({ hosts: ["db.test"], tls: true, type })).resolves.toEqual({
			minVersion: "TLSv1.2",
			rejectUnauthorized: true,
			verifyIdentity: true,
		});
	});

	it("trusts Node's authorities, those of RDS and the one that is given", async () => {
		const { ca } = await create<MysqlTls>({ hosts: [RDS], tls: { ca: [Buffer.from(authority.certificate)] }, type: "mysql" });

		expect(ca).toEqual(expect.arrayContaining([...tls.rootCertificates, Buffer.from(authority.certificate)]));
		expect((ca as unknown[]).length).toBeGreaterThan(tls.rootCertificates.length + 80);
	});

	it("trusts no authority of RDS for other hosts, DSQL's included", async () => {
		const given = await create<MysqlTls>({ tls: { ca: authority.certificate }, type: "mysql" });
		const dsql = await create<MysqlTls>({ hosts: [DSQL], type: "mysql" });

		expect(given.ca).toEqual([...listNodeAuthorities(), authority.certificate]);
		expect(dsql).not.toHaveProperty("ca");
	});

	it("has the client's certificate", async () => {
		const settings = { cert: client.certificate, key: client.key, passphrase: "open" };

		await expect(create({ tls: settings, type: "mysql" })).resolves.toMatchObject({
			cert: client.certificate,
			key: client.key,
			passphrase: "open",
		});
	});

	it("checks nothing when told so", async () => {
		const settings = { ca: authority.certificate, rejectUnauthorized: false, servername: RDS };

		await expect(create({ hosts: ["10.0.0.1"], tls: settings, type: "mysql" })).resolves.toEqual({
			minVersion: "TLSv1.2",
			rejectUnauthorized: false,
			verifyIdentity: false,
		});
	});

	it("cannot be another name than the host", async () => {
		const message = await refuse({ hosts: ["localhost"], tls: { servername: RDS }, type: "mariadb" });

		expect(message).toContain('Option "tls.servername" is not possible with mysql2, which checks the host it connects to');
		await expect(create({ hosts: [RDS], tls: { servername: RDS }, type: "mysql" })).resolves.toMatchObject({ verifyIdentity: true });
	});

	it.each(["10.0.0.1", "2001:db8::1"])("cannot be checked for the address %s", async (host) => {
		await expect(refuse({ hosts: ["db.test", host], tls: true, type: "mysql" })).resolves.toContain(
			'Option "tls" is not possible with an IP address and mysql2',
		);
	});

	it.each(["127.0.0.1", "127.1.2.3", "::1"])("is checked as localhost for the address %s", async (host) => {
		await expect(create({ hosts: [host], tls: true, type: "mysql" })).resolves.toMatchObject({ verifyIdentity: true });
	});
});

describe("what pg is given", () => {
	it.each(PG)("has its authorities parsed already (%s)", async (type) => {
		const options = await create({ hosts: [RDS], type });

		expect(Object.keys(options).sort()).toEqual(["rejectUnauthorized", "secureContext", "sslmode"]);
		expect(options.secureContext).toHaveProperty("context");
	});

	it.each([
		[true, "verify-full"],
		[{ rejectUnauthorized: false }, "require"],
	])("lets pg-native do no less than %j", async (settings, sslmode) => {
		const ssl = await create({ tls: settings });
		const text = await new Promise<string>((resolve, reject) => {
			new ConnectionParameters({ host: "127.0.0.1", ssl }).getLibpqConnectionString((error, parameters) => {
				if (error === null) resolve(parameters);
				else reject(error);
			});
		});

		expect(text).toContain(`sslmode='${sslmode}'`);
	});

	it("checks the given name in the place of the host", async () => {
		const { checkServerIdentity, servername } = await create({ hosts: ["localhost"], tls: { servername: "db.test" } });
		const certificate = { subject: {}, subjectaltname: "DNS:db.test" } as tls.PeerCertificate;
		const wrong = { subject: {}, subjectaltname: "DNS:localhost" } as tls.PeerCertificate;

		expect(servername).toBe("db.test");
		expect(checkServerIdentity?.("localhost", certificate)).toBeUndefined();
		expect(checkServerIdentity?.("localhost", wrong)).toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID", host: "db.test" });
	});

	it("knows the authorities of RDS behind a tunnel to it", async () => {
		const settings = { servername: RDS };

		await expect(create({ hosts: ["127.0.0.1"], tls: settings })).resolves.toBe(await create({ hosts: [RDS], tls: settings }));
	});
});

describe("a handshake", () => {
	/** What a client with these options says of a server with this certificate, and what the server says of the client. */
	async function shakeHands(options: PgTls, served: tls.TlsOptions): Promise<string> {
		const server = tls.createServer({ cert: client.certificate, key: client.key, ...served });
		await new Promise<void>((resolve) => {
			server.listen(0, "127.0.0.1", resolve);
		});
		const { port } = server.address() as { port: number };
		const accepted = new Promise<TLSSocket>((resolve) => server.once("secureConnection", resolve));
		try {
			const socket = tls.connect({ host: "127.0.0.1", port, ...options, servername: "db.test" });
			await new Promise((resolve, reject) => {
				socket.once("secureConnect", resolve).once("error", reject);
			});
			const peer = (await accepted).getPeerCertificate().subject?.CN;
			const version = String(socket.getProtocol());
			socket.destroy();
			return `${version} as ${String(peer ?? "no client")}`;
		} catch (error) {
			return String((error as NodeJS.ErrnoException).code);
		} finally {
			server.close();
		}
	}

	const server = authority.issue({ names: ["db.test"] });
	const identity = { cert: server.certificate, key: server.key };

	it("succeeds with the authority that was added", async () => {
		await expect(shakeHands(await create({ tls: { ca: authority.certificate } }), identity)).resolves.toBe("TLSv1.3 as no client");
	});

	it("succeeds with an authority that stands second in a text, and in a list", async () => {
		const other = new CertificateAuthority("Other CA").certificate;

		for (const ca of [`${other}\n${authority.certificate}`, [other, Buffer.from(authority.certificate)]])
			await expect(shakeHands(await create({ tls: { ca } }), identity)).resolves.toBe("TLSv1.3 as no client");
	});

	it("fails without it, with the authorities of RDS and without", async () => {
		await expect(shakeHands(await create({ tls: true }), identity)).resolves.toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
		await expect(shakeHands(await create({ hosts: [RDS] }), identity)).resolves.toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
	});

	it("takes TLS 1.2 and nothing older", async () => {
		const options = await create({ tls: { ca: authority.certificate } });
		const old = { ...identity, ciphers: "DEFAULT@SECLEVEL=0", maxVersion: "TLSv1.1", minVersion: "TLSv1" } as const;

		await expect(shakeHands(options, { ...identity, maxVersion: "TLSv1.2" })).resolves.toBe("TLSv1.2 as no client");
		await expect(shakeHands(options, old)).resolves.toMatch(/PROTOCOL/);
	});

	it("shows the client's certificate", async () => {
		const options = await create({ tls: { ca: authority.certificate, cert: client.certificate, key: client.key } });

		await expect(shakeHands(options, { ...identity, requestCert: true, ca: authority.certificate })).resolves.toBe("TLSv1.3 as app");
	});
});
