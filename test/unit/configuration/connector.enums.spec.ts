/** Engines as RDS, CDK and secrets call them. */
import { EDatabaseType } from "../../../src/configuration/connector.enums.js";
import { CONNECTOR_FIELDS } from "../../../src/configuration/connector-fields.js";
import { parseRaw, parseText } from "../../../src/resolution/parse-value.js";

const { accepts } = CONNECTOR_FIELDS.type;

it.each([
	["aurora-postgresql", EDatabaseType.POSTGRES],
	["aurora-postgres", EDatabaseType.POSTGRES],
	["postgresql", EDatabaseType.POSTGRES],
	["postgres", EDatabaseType.POSTGRES],
	[" POSTGRESQL\n", EDatabaseType.POSTGRES],
	["aurora-mysql", EDatabaseType.MYSQL],
	["aurora", EDatabaseType.MYSQL],
	["MySQL", EDatabaseType.MYSQL],
	["mariadb", EDatabaseType.MARIADB],
	["cockroachdb", EDatabaseType.COCKROACHDB],
])("%p is the engine %s, in a parameter and in code", (name, type) => {
	expect(parseText(accepts, name)).toEqual({ value: type });
	expect(parseRaw(accepts, name)).toEqual({ value: type });
});

it.each(["oracle-ee", "sqlserver-se", "docdb", "toString", "__proto__", ""])("%p is none", (name) => {
	expect(parseText(accepts, name)).toEqual({
		fault: expect.stringContaining('must be one of "cockroachdb", "mariadb", "mysql", "postgres"'),
	});
});
