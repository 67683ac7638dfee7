/** The public shape of the TLS settings. */

/**
 * How the connection to the database is encrypted and whom it trusts. An object, even an empty one, switches TLS on.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html for the authorities of RDS and the
 * bundle of each region.
 * @example
 * { ca: readFileSync("corporate-ca.pem"), cert: readFileSync("client.pem"), key: readFileSync("client-key.pem") }
 */
export interface ITypeOrmAwsConnectorTls {
	/**
	 * Certificates of further authorities in PEM form: the text, not a path; each text may hold several. They are added to
	 * those that Node trusts and, for an AWS host, to those of RDS. Default: none.
	 */
	ca?: Buffer | string | readonly (Buffer | string)[];
	/**
	 * Certificate of the client in PEM form, with its chain, for a server that asks for one. Needs `key`. Default: none.
	 */
	cert?: Buffer | string;
	/** Private key of `cert` in PEM form. Default: none. */
	key?: Buffer | string;
	/** Passphrase of `key`, where that is encrypted. Default: none. */
	passphrase?: string;
	/**
	 * Whether the server's certificate and the name in it are checked. Default `true`. `false` still encrypts, but any
	 * server may answer: one warning says so, with the host.
	 */
	rejectUnauthorized?: boolean;
	/**
	 * The name that the server's certificate has to have, where it is not the host: behind a tunnel, a CNAME, an IP
	 * address. A name of AWS also brings the authorities of RDS. Default: the host. PostgreSQL and CockroachDB only, since
	 * mysql2 always checks the host it connects to.
	 */
	servername?: string;
}
