/** Certificates of the tests are what they claim to be: Node's own TLS takes and refuses them for the right reasons. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:tls";

import { CertificateAuthority, type IssuedCertificate } from "./certificates.js";

const DAY_MS = 86_400_000;

const authority = new CertificateAuthority("Trusted CA");
const stranger = new CertificateAuthority("Unknown CA");

/** The outcome of a handshake with a server that has this certificate: a code, or the server's name. */
async function shakeHands({ certificate, key }: IssuedCertificate, servername = "db.test"): Promise<unknown> {
	const server = createServer({ cert: certificate, key }).listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	const socket = connect({ ca: authority.certificate, host: "127.0.0.1", port, servername });
	try {
		await once(socket, "secureConnect");
		return socket.getPeerCertificate().subject.CN;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code;
	} finally {
		socket.destroy();
		server.close();
	}
}

describe("a certificate authority", () => {
	it("certifies a server that is then trusted", async () => {
		const issued = authority.issue({ names: ["db.test", "127.0.0.1"] });

		await expect(shakeHands(issued)).resolves.toBe("db.test");
	});

	it.each([
		["another authority", stranger.issue({ names: ["db.test"] }), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
		["another name", authority.issue({ names: ["other.test"] }), "ERR_TLS_CERT_ALTNAME_INVALID"],
		["a day that has passed", authority.issue({ names: ["db.test"], validTo: new Date(Date.now() - 1_000) }), "CERT_HAS_EXPIRED"],
		["a day to come", authority.issue({ names: ["db.test"], validFrom: new Date(Date.now() + DAY_MS / 2) }), "CERT_NOT_YET_VALID"],
	])("certifies a server that is refused because of %s", async (_, issued, code) => {
		await expect(shakeHands(issued)).resolves.toBe(code);
	});
});
