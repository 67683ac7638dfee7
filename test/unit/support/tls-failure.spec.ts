/** What to do is told by codes, and by text only where a driver has no code. */
import { findTlsRemedy } from "../../../src/support/tls-failure.js";

function fail(message: string, code?: string): Error {
	return Object.assign(new Error(message), code === undefined ? {} : { code });
}

const MYSQL = "HANDSHAKE_SSL_ERROR";

describe("findTlsRemedy", () => {
	it.each([
		[fail("…", "ERR_TLS_CERT_ALTNAME_INVALID"), "tls.servername"],
		[fail("Hostname/IP does not match certificate's altnames: Host: localhost.", MYSQL), "tls.servername"],
		[fail("…", "CERT_HAS_EXPIRED"), "out of date"],
		[fail("…", "CERT_NOT_YET_VALID"), "out of date"],
		[fail("certificate has expired", MYSQL), "out of date"],
		[fail("certificate is not yet valid", MYSQL), "out of date"],
		[fail("…", "DEPTH_ZERO_SELF_SIGNED_CERT"), "tls.ca"],
		[fail("…", "SELF_SIGNED_CERT_IN_CHAIN"), "tls.ca"],
		[fail("…", "UNABLE_TO_GET_ISSUER_CERT"), "tls.ca"],
		[fail("…", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"), "tls.ca"],
		[fail("…", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"), "tls.ca"],
		[fail("self-signed certificate in certificate chain", MYSQL), "tls.ca"],
		[fail("self signed certificate", MYSQL), "tls.ca"],
		[fail("unable to get local issuer certificate", MYSQL), "tls.ca"],
		[fail("unable to verify the first certificate", MYSQL), "tls.ca"],
		[fail("The server does not support SSL connections"), "tls: false"],
		[fail("Server does not support secure connection", "HANDSHAKE_NO_SSL_SUPPORT"), "tls: false"],
		[fail('no pg_hba.conf entry for host "10.0.0.1", user "app", database "shop", no encryption', "28000"), "tls: true"],
		[fail('no pg_hba.conf entry for host "10.0.0.1", user "app", database "shop", SSL off', "28000"), "tls: true"],
		[fail("…", "ER_SECURE_TRANSPORT_REQUIRED"), "tls: true"],
		[fail("connection requires a valid client certificate", "28000"), "tls.cert"],
		[fail("…", "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"), "tls.cert"],
		[fail("…", "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA"), "tls.cert"],
		[fail("write EPROTO …:tlsv13 alert certificate required:…", MYSQL), "tls.cert"],
		[fail("…", "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION"), "TLS 1.2"],
		[fail("…", "ERR_SSL_UNSUPPORTED_PROTOCOL"), "TLS 1.2"],
	])("knows what to do about %s", (error, text) => {
		expect(findTlsRemedy(error)).toContain(text);
	});

	it.each([
		[fail("connect ECONNREFUSED 127.0.0.1:5432", "ECONNREFUSED")],
		[fail('password authentication failed for user "app"', "28P01")],
		[fail('no pg_hba.conf entry for host "10.0.0.1", user "app", database "shop", SSL encryption', "28000")],
		[fail("SELECT 'The server does not support SSL connections'")],
		[undefined],
		[null],
		["self-signed certificate"],
		[{}],
	])("says nothing about %p", (error) => {
		expect(findTlsRemedy(error)).toBeUndefined();
	});

	it.each([fail("The server does not support SSL connections"), fail("…", "HANDSHAKE_NO_SSL_SUPPORT")])(
		"does not advise to go on without TLS where the host is a database of AWS: %s",
		(error) => {
			expect(findTlsRemedy(error, true)).toContain("another server answers in its place");
			expect(findTlsRemedy(error, true)).not.toContain("false");
			expect(findTlsRemedy(error, false)).toContain("tls: false");
			expect(findTlsRemedy(error)).toMatch(/For AWS: .*another server.* For a server of your own: .*tls: false/);
		},
	);
});
