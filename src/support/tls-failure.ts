/** What a driver's error says about TLS, and what to do about it. */

interface Failure {
	/** Codes of Node, OpenSSL, mysql2 and the servers. */
	readonly codes: readonly string[];
	readonly remedy: string;
	/**
	 * For errors without a code of their own: pg has none for a server without TLS, and mysql2 writes HANDSHAKE_SSL_ERROR
	 * over Node's.
	 */
	readonly text: RegExp;
}

const OFFERS_NONE = "the server offers no TLS";
const OTHER_SERVER = "a database of AWS always does, so that another server answers in its place: look at the host, the port and the route";
const SWITCH_ON = "switch it on there, or give tls: false and isPlaintextAllowed: true where the network is trusted";

const NO_TLS: Failure = {
	codes: ["HANDSHAKE_NO_SSL_SUPPORT"],
	remedy: `${OFFERS_NONE}. For AWS: ${OTHER_SERVER}. For a server of your own: ${SWITCH_ON}`,
	text: /^The server does not support SSL connections$/,
};

const UNKNOWN_AUTHORITY: Failure = {
	codes: [
		"DEPTH_ZERO_SELF_SIGNED_CERT",
		"SELF_SIGNED_CERT_IN_CHAIN",
		"UNABLE_TO_GET_ISSUER_CERT",
		"UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
		"UNABLE_TO_VERIFY_LEAF_SIGNATURE",
	],
	remedy: "the authority that signed the server's certificate is not trusted: give its certificate as tls.ca (for a region that the RDS bundle lacks, AWS's bundle of that region), or, behind a tunnel or a CNAME, the database's own AWS name as tls.servername",
	text: /self.signed certificate|unable to get (?:local )?issuer certificate|unable to verify the first certificate/,
};

/** In the order in which they are looked for. A remedy ends a sentence that names the error. */
const FAILURES: readonly Failure[] = [
	{
		codes: ["ERR_TLS_CERT_ALTNAME_INVALID"],
		remedy: "the certificate belongs to another name than the host: connect by a name that is in it, or give that name as tls.servername (behind a tunnel or a CNAME)",
		text: /does not match certificate's altnames/,
	},
	{
		codes: ["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"],
		remedy: "the server's certificate, or that of its authority, is out of date: renew it on the server (RDS: rotate it in the console), or look at the clock of this machine",
		text: /certificate (?:has expired|is not yet valid)/,
	},
	UNKNOWN_AUTHORITY,
	NO_TLS,
	{
		codes: ["ER_SECURE_TRANSPORT_REQUIRED"],
		remedy: "the server wants TLS: give tls: true",
		text: /^(?:no pg_hba\.conf entry for|pg_hba\.conf rejects connection for) .*(?:no encryption|SSL off)$/,
	},
	{
		codes: [
			"ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE",
			"ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED",
			"ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED",
			"ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN",
			"ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
			"ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
		],
		remedy: "the server wants another client certificate: give one that it accepts as tls.cert and tls.key",
		text: /requires a valid client certificate|alert (?:bad certificate|certificate |unknown ca)/,
	},
	{
		codes: ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "ERR_SSL_UNSUPPORTED_PROTOCOL"],
		remedy: "the server has no TLS 1.2 or later: raise its version there",
		text: /unsupported protocol|alert protocol version/,
	},
];

/**
 * A clause that says what is wrong and what to do; `undefined` when the error is about something else.
 * @param isAwsHost whether the host is a database of AWS; left out where the host is not known.
 */
export function findTlsRemedy(error: unknown, isAwsHost?: boolean): string | undefined {
	const failure = findFailure(error);
	if (failure === NO_TLS && isAwsHost !== undefined) return `${OFFERS_NONE}; ${isAwsHost ? OTHER_SERVER : SWITCH_ON}`;
	return failure?.remedy;
}

/** Whether the authority that signed the server's certificate is none of the trusted ones. */
export function isUnknownAuthority(error: unknown): boolean {
	return findFailure(error) === UNKNOWN_AUTHORITY;
}

function findFailure(error: unknown): Failure | undefined {
	if (typeof error !== "object" || error === null) return undefined;
	const { code, message } = error as { code?: unknown; message?: unknown };
	return (
		FAILURES.find(({ codes }) => typeof code === "string" && codes.includes(code)) ??
		FAILURES.find(({ text }) => typeof message === "string" && text.test(message))
	);
}
