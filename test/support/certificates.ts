/** Real X.509 certificates, made in memory when a test wants them: authorities, servers, clients. Nothing is ever written by this file. */
import { type KeyObject, X509Certificate, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isIPv4 } from "node:net";

/** What is certified. */
export interface CertificateRequest {
	/** Common name; what PostgreSQL takes for the user of a client certificate. Default: the first of `names`. */
	readonly commonName?: string;
	/** DNS names and IPv4 addresses. Default: none. */
	readonly names?: readonly string[];
	/** Default: yesterday. */
	readonly validFrom?: Date;
	/** Default: tomorrow. */
	readonly validTo?: Date;
}

/** A certificate with its private key, both in PEM form. */
export interface IssuedCertificate {
	readonly certificate: string;
	readonly key: string;
}

const DAY_MS = 86_400_000;

/**
 * An authority of its own, trusted only where it is configured.
 * @example
 * const authority = new CertificateAuthority("Test CA");
 * const { certificate, key } = authority.issue({ names: ["localhost"] });
 * // the server gets certificate and key, the client authority.certificate
 */
export class CertificateAuthority {
	/** Its own certificate, self-signed, in PEM form. */
	readonly certificate: string;
	private readonly privateKey: KeyObject;

	constructor(private readonly name: string) {
		const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
		this.privateKey = privateKey;
		this.certificate = this.certify(publicKey, { commonName: name }, [
			extension(OID.basicConstraints, sequence(boolean(true))),
			extension(OID.keyUsage, KEY_CERT_SIGN),
		]);
	}

	/** Certifies a key made for it. */
	issue({ names = [], commonName = names[0] ?? "client", ...validity }: CertificateRequest): IssuedCertificate {
		const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
		const alternatives = names.map((name) =>
			isIPv4(name) ? tagged(0x87, Buffer.from(name.split(".").map(Number))) : tagged(0x82, Buffer.from(name)),
		);
		return {
			certificate: this.certify(publicKey, { commonName, ...validity }, [
				...(names.length === 0 ? [] : [extension(OID.subjectAltName, sequence(...alternatives))]),
			]),
			key: privateKey.export({ format: "pem", type: "pkcs8" }) as string,
		};
	}

	private certify(
		publicKey: KeyObject,
		{ commonName = "", validFrom, validTo }: CertificateRequest,
		extensions: readonly Buffer[],
	): string {
		const algorithm = sequence(oid(OID.ecdsaWithSha256));
		const body = sequence(
			tagged(0xa0, integer(Buffer.from([2]))),
			integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
			algorithm,
			distinguishedName(this.name),
			sequence(time(validFrom ?? new Date(Date.now() - DAY_MS)), time(validTo ?? new Date(Date.now() + DAY_MS))),
			distinguishedName(commonName),
			publicKey.export({ format: "der", type: "spki" }),
			...(extensions.length === 0 ? [] : [tagged(0xa3, sequence(...extensions))]),
		);
		const signature = sign("sha256", body, this.privateKey);
		return new X509Certificate(sequence(body, algorithm, bitString(signature))).toString();
	}
}

const OID = {
	basicConstraints: "551d13",
	commonName: "550403",
	ecdsaWithSha256: "2a8648ce3d040302",
	keyUsage: "551d0f",
	subjectAltName: "551d11",
} as const;

/** Bit 5, keyCertSign, as a bit string of six bits. */
const KEY_CERT_SIGN = Buffer.from("03020204", "hex");

/** One element of DER: its tag, the length of its content, its content. */
function tagged(tag: number, ...content: readonly Buffer[]): Buffer {
	const value = Buffer.concat(content);
	const length =
		value.length < 0x80 ? [value.length] : value.length < 0x100 ? [0x81, value.length] : [0x82, value.length >> 8, value.length & 0xff];
	return Buffer.concat([Buffer.from([tag, ...length]), value]);
}

function sequence(...elements: readonly Buffer[]): Buffer {
	return tagged(0x30, ...elements);
}

function oid(hex: string): Buffer {
	return tagged(0x06, Buffer.from(hex, "hex"));
}

function integer(value: Buffer): Buffer {
	return tagged(0x02, value);
}

function boolean(isTrue: boolean): Buffer {
	return tagged(0x01, Buffer.from([isTrue ? 0xff : 0]));
}

function bitString(value: Buffer): Buffer {
	return tagged(0x03, Buffer.from([0]), value);
}

function extension(id: string, value: Buffer): Buffer {
	return sequence(oid(id), tagged(0x04, value));
}

function distinguishedName(commonName: string): Buffer {
	return sequence(tagged(0x31, sequence(oid(OID.commonName), tagged(0x0c, Buffer.from(commonName)))));
}

/** GeneralizedTime, seconds, UTC. */
function time(date: Date): Buffer {
	return tagged(0x18, Buffer.from(`${date.toISOString().replaceAll(/[-:T]|\.\d+/g, "")}`));
}
