/** An application learns at its start that a driver in use has a known fault, once, and with the number of the advisory. */
import { reportDriverAdvisories } from "../../../src/connector/start-warnings.js";
import type { TDatabaseType } from "../../../src/configuration/typeorm.options.js";
import { readPackageVersion } from "../../../src/support/package-version.js";

function report(
	versions: Readonly<Record<string, string>>,
	type: TDatabaseType,
	{ hosts = ["db.test"], typeOrmOptions = {} }: { readonly hosts?: readonly string[]; readonly typeOrmOptions?: object } = {},
): string[] {
	const warnings: string[] = [];
	const config = { typeOrmOptions };
	const once = (): void =>
		reportDriverAdvisories({
			config,
			hosts,
			readVersion: (name) => versions[name],
			type,
			warn: (message) => void warnings.push(message),
		});
	once();
	once();
	return warnings;
}

it.each(["mysql", "mariadb"] as const)("names the advisories of mysql2 and of TypeORM for %s", (type) => {
	expect(report({ mysql2: "3.9.7", typeorm: "0.3.25" }, type)).toEqual([
		expect.stringMatching(/^mysql2 3\.9\.7 is installed; versions before 3\.9\.8 .*CVE-2024-21508.*CVE-2024-21512/),
		expect.stringMatching(/^typeorm 0\.3\.25 is installed; versions before 0\.3\.26 .*CVE-2025-60542/),
	]);
	expect(report({ mysql2: "2.3.3", typeorm: "1.0.0" }, type)).toEqual([
		expect.stringContaining("CVE-2024-21511"),
		expect.stringContaining("check no name in the certificate"),
	]);
});

it.each([
	[{ mysql2: "3.9.8", typeorm: "0.3.26" }],
	[{ mysql2: "3.10.0", typeorm: "0.3.100" }],
	[{ mysql2: "4.0.0", typeorm: "1.0.0" }],
	[{}],
	[{ mysql2: "next", typeorm: "0.4.0-beta.1" }],
])("has nothing to say of %j", (versions) => {
	expect(report(versions, "mysql")).toEqual([]);
});

it("looks only at the driver that is used", () => {
	expect(report({ mysql2: "2.0.0", typeorm: "0.3.20" }, "postgres")).toEqual([]);
});

it("says of an older pg that it checks another name for an IP address, where the application gives ssl itself", () => {
	const old = { pg: "8.16.3" };
	const ssl = { ssl: { ca: "…" } };

	expect(report(old, "postgres", { hosts: ["10.0.0.1"], typeOrmOptions: ssl })).toEqual([expect.stringContaining("node-postgres#2263")]);
	expect(report(old, "postgres", { hosts: ["db.test"], typeOrmOptions: ssl })).toEqual([]);
	expect(report(old, "postgres", { hosts: ["10.0.0.1"] })).toEqual([]);
	expect(report(old, "postgres", { hosts: ["10.0.0.1"], typeOrmOptions: { ssl: { checkServerIdentity: () => undefined } } })).toEqual([]);
	expect(report({ pg: "8.23.1" }, "postgres", { hosts: ["10.0.0.1"], typeOrmOptions: ssl })).toEqual([]);
});

it.each(["pg", "mysql2", "typeorm"])("finds the version of %s", (name) => {
	expect(readPackageVersion(name)).toMatch(/^\d+\.\d+\.\d+/);
});

it("finds no version of a package that is not there", () => {
	expect(readPackageVersion("no-such-package")).toBeUndefined();
});
