/** What may be wrong with certificates, keys and names of the TLS settings. Nothing of a key gets into a message. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { isIP } from "node:net";

import type { TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { OptionInvalidError } from "../errors/errors.js";
import { checkGroup, checkOptions, type Checks, isGroup } from "../support/check-options.js";
import type { ITypeOrmAwsConnectorTls } from "./tls.options.js";

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const CHECKS: Checks<ITypeOrmAwsConnectorTls> = {
	ca: (value) => {
		const texts: unknown[] = Array.isArray(value) ? value : [value];
		return texts.length > 0 && texts.every(hasCertificates)
			? undefined
			: "must hold certificates in PEM form: their text, not the path of a file";
	},
	cert: (value) => (hasCertificates(value) ? undefined : "must be a certificate in PEM form: its text, not the path of a file"),
	key: (value) => (isText(value) ? undefined : "must be a private key in PEM form"),
	passphrase: (value) => (typeof value === "string" ? undefined : "must be a string"),
	rejectUnauthorized: (value) => (typeof value === "boolean" ? undefined : "must be true or false"),
	servername: (value) =>
		typeof value === "string" && /^[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_-])?$/i.test(value) && isIP(value) === 0
			? undefined
			: "must be the host name in the server's certificate, without a port",
};

/** Refuses what is neither a switch nor a group. */
export function checkTlsKind(value: unknown): string | undefined {
	return typeof value === "boolean" || checkGroup(value) === undefined ? undefined : "must be true, false or an object";
}

/** Every fault in `tls`, and one for TLS that is set in two places. */
export function checkTls(tls: unknown, typeOrmOptions: unknown): TypeOrmAwsConnectorError[] {
	return [
		...(isGroup(tls) ? [...checkOptions("tls.", tls, CHECKS), ...checkKeyPair(tls)] : []),
		...(tls === undefined ? [] : findSecondPlaces(typeOrmOptions)),
	];
}

function findSecondPlaces(typeOrmOptions: unknown): TypeOrmAwsConnectorError[] {
	if (!isGroup(typeOrmOptions)) return [];
	const { extra, ssl } = typeOrmOptions;
	const places = { "typeOrmOptions.ssl": ssl, "typeOrmOptions.extra.ssl": isGroup(extra) ? extra["ssl"] : undefined };
	return Object.entries(places)
		.filter(([, value]) => value !== undefined)
		.map(([place]) => new OptionInvalidError("tls", `is given together with "${place}"; only one of them can count`));
}

/** A certificate without its key, a key that cannot be read or is another's. */
function checkKeyPair({ cert, key, passphrase }: Readonly<Record<string, unknown>>): TypeOrmAwsConnectorError[] {
	if (cert === undefined && key === undefined)
		return passphrase === undefined ? [] : [new OptionInvalidError("tls.passphrase", 'needs "tls.key"')];
	if (cert === undefined) return [new OptionInvalidError("tls.key", 'needs "tls.cert"')];
	if (key === undefined) return [new OptionInvalidError("tls.cert", 'needs "tls.key"')];
	// What is wrong with a single one has been reported already.
	if (!hasCertificates(cert) || !isText(key)) return [];
	const privateKey = readKey(key, passphrase);
	if (privateKey === undefined)
		return [
			new OptionInvalidError(
				"tls.key",
				'cannot be read: it must be a private key in PEM form, with "tls.passphrase" if it is encrypted',
			),
		];
	return new X509Certificate(cert).checkPrivateKey(privateKey)
		? []
		: [new OptionInvalidError("tls.key", 'does not belong to "tls.cert"')];
}

function isText(value: unknown): value is Buffer | string {
	return typeof value === "string" || Buffer.isBuffer(value);
}

function hasCertificates(value: unknown): value is Buffer | string {
	if (!isText(value)) return false;
	const blocks = value.toString().match(PEM_CERTIFICATE) ?? [];
	return blocks.length > 0 && blocks.every(isCertificate);
}

function isCertificate(text: string): boolean {
	try {
		return new X509Certificate(text).raw.length > 0;
	} catch {
		return false;
	}
}

function readKey(key: Buffer | string, passphrase: unknown): KeyObject | undefined {
	try {
		return createPrivateKey({ key, ...(typeof passphrase === "string" && { passphrase }) });
	} catch {
		return undefined;
	}
}
