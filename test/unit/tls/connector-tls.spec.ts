/** One connector's TLS: who decides, and what is said once. */
import { inspect } from "node:util";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { ConnectorTls } from "../../../src/tls/connector-tls.js";
import { CertificateAuthority } from "../../support/certificates.js";

const RDS = "shop.abc.eu-west-1.rds.amazonaws.com";

function create(config: Partial<ITypeOrmAwsConnectorConfig> = {}): { readonly tls: ConnectorTls; readonly warnings: string[] } {
	const warnings: string[] = [];
	return { tls: new ConnectorTls(config, (message) => warnings.push(message)), warnings };
}

describe("the TLS of a connector", () => {
	it("is on for an AWS host, without a word", async () => {
		const { tls, warnings } = create();

		await expect(tls.describe([RDS], "postgres")).resolves.toMatchObject({ rejectUnauthorized: true });
		expect(warnings).toEqual([]);
	});

	it.each([{ ssl: true }, { ssl: { ca: "…" } }, { extra: { ssl: {} } }])(
		"leaves the place to TypeORM's own %j",
		async (typeOrmOptions) => {
			const { tls, warnings } = create({ typeOrmOptions });

			await expect(tls.describe([RDS], "postgres")).resolves.toBeUndefined();
			expect(warnings).toEqual([]);
		},
	);

	it.each([{ ssl: false }, { extra: { ssl: false }, ssl: true }])("warns of TypeORM's own %j", async (typeOrmOptions) => {
		const { tls, warnings } = create({ typeOrmOptions });

		await expect(tls.describe([RDS], "postgres")).resolves.toBeUndefined();
		expect(warnings).toEqual([expect.stringContaining(`The connection to "${RDS}" is not encrypted`)]);
	});

	it.each([null, 0, "", Number.NaN])("takes a ssl of %p for false, wherever it stands", async (ssl) => {
		for (const typeOrmOptions of [{ ssl }, { extra: { ssl } }, { extra: { ssl }, ssl: true }] as object[]) {
			const { tls, warnings } = create({ typeOrmOptions });

			await expect(tls.describe([RDS], "postgres")).resolves.toBeUndefined();
			expect(warnings).toEqual([expect.stringContaining(`The connection to "${RDS}" is not encrypted`)]);
		}
	});

	it("takes an ssl without a value for one that is not given", async () => {
		const { tls, warnings } = create({ typeOrmOptions: { extra: { ssl: undefined }, ssl: undefined } as object });

		await expect(tls.describe([RDS], "postgres")).resolves.toMatchObject({ rejectUnauthorized: true });
		expect(warnings).toEqual([]);
	});

	it.each(["postgres", "mysql"] as const)("warns once of a connection of %s in clear, and not where it is intended", async (type) => {
		const { tls, warnings } = create();
		const intended = create({ isPlaintextAllowed: true });

		for (const one of [tls, tls, intended.tls]) await expect(one.describe(["db.test"], type)).resolves.toBeUndefined();

		expect(warnings).toEqual([expect.stringContaining('The connection to "db.test" is not encrypted')]);
		expect(intended.warnings).toEqual([]);
	});

	it("warns once, and again for another host", async () => {
		const { tls, warnings } = create({ tls: { rejectUnauthorized: false } });

		for (const host of ["a.test", "a.test", "b.test"]) await tls.describe([host], "postgres");

		expect(warnings).toEqual([expect.stringContaining('"a.test"'), expect.stringContaining('"b.test"')]);
	});

	it("says once what to do about an error, and nothing about errors of another kind", () => {
		const { tls, warnings } = create();

		for (const code of ["CERT_HAS_EXPIRED", "CERT_HAS_EXPIRED", "ECONNREFUSED"]) tls.explain(Object.assign(new Error("…"), { code }));

		expect(warnings).toEqual([
			expect.stringMatching(/^The database cannot be connected to: the server's certificate.* is out of date.*\.$/),
		]);
	});

	it("does not advise to go on without TLS to a database of AWS", async () => {
		const own = create();
		const { tls, warnings } = create();
		const error = new Error("The server does not support SSL connections");
		await tls.describe([RDS], "postgres");
		await own.tls.describe(["127.0.0.1"], "postgres");

		for (const one of [tls, own.tls]) one.explain(error);

		expect(warnings).toEqual([expect.not.stringContaining("false")]);
		expect(own.warnings).toEqual([expect.stringContaining("tls: false")]);
	});

	it.each([
		["shop.abc.il-central-1.rds.amazonaws.com", "https://truststore.pki.rds.amazonaws.com/il-central-1/il-central-1-bundle.pem"],
		[
			"shop.abc.us-gov-west-1.rds.amazonaws.com",
			"https://truststore.pki.us-gov-west-1.rds.amazonaws.com/us-gov-west-1/us-gov-west-1-bundle.pem",
		],
		[
			"shop.abc.rds.cn-north-1.amazonaws.com.cn",
			"https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/cn-north-1/cn-north-1-bundle.pem",
		],
		["shop.abc.eusc-de-east-1.rds.amazonaws.eu", "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html"],
	])("says which bundle to fetch where the authorities of the region are missing: %s", async (host, address) => {
		const { tls, warnings } = create();
		await tls.describe([host], "postgres");

		tls.explain(Object.assign(new Error("…"), { code: "SELF_SIGNED_CERT_IN_CHAIN" }));

		expect(warnings).toEqual([expect.stringContaining(`as tls.ca (${address})`)]);
	});

	it("names no bundle where the authorities of the region are there, or the error is another", async () => {
		const { tls, warnings } = create();
		await tls.describe([RDS], "postgres");
		tls.explain(Object.assign(new Error("…"), { code: "SELF_SIGNED_CERT_IN_CHAIN" }));
		await tls.describe(["shop.abc.il-central-1.rds.amazonaws.com"], "postgres");
		tls.explain(Object.assign(new Error("…"), { code: "CERT_HAS_EXPIRED" }));

		expect(warnings).toHaveLength(2);
		expect(warnings.join("")).not.toContain("bundle.pem");
	});

	it("does not show the client's key", () => {
		const { certificate, key } = new CertificateAuthority("Test CA").issue({ commonName: "app" });
		const { tls } = create({ tls: { cert: certificate, key } });

		expect(inspect(tls, { depth: Infinity, showHidden: true })).not.toContain("PRIVATE KEY");
	});
});
