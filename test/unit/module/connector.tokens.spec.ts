/** One DataSource, one token; never two DataSources for one token. */
import type { InjectionToken } from "@nestjs/common";
import { getDataSourceToken } from "@nestjs/typeorm";
import { DataSource } from "typeorm";

import { getConnectorToken, getRotatorToken, nameConnector, nameDataSource } from "../../../src/module/connector.tokens.js";

class OrdersDataSource extends DataSource {}

const NAMESAKE: typeof OrdersDataSource = (() => {
	class OrdersDataSource extends DataSource {}
	return OrdersDataSource;
})();

const TOKENS: readonly InjectionToken[] = [
	getDataSourceToken("orders"),
	getDataSourceToken("invoices"),
	DataSource,
	OrdersDataSource,
	NAMESAKE,
	Symbol("orders"),
	Symbol("orders"),
];

describe.each([
	["getConnectorToken", getConnectorToken],
	["getRotatorToken", getRotatorToken],
])("%s", (_name, getToken) => {
	it("gives the same token for the same DataSource", () => {
		expect(TOKENS.map((token) => getToken(token))).toEqual(TOKENS.map((token) => getToken(token)));
	});

	it("gives different tokens for different DataSources, whatever their names", () => {
		expect(new Set(TOKENS.map((token) => getToken(token))).size).toBe(TOKENS.length);
	});

	it("means the default DataSource where none is named", () => {
		expect(getToken()).toBe(getToken(DataSource));
		expect(getToken()).toBe(getToken(getDataSourceToken()));
	});

	it("gives a plain string for a string, so that two copies of the library agree", () => {
		expect(getToken("ordersDataSource")).toMatch(/^\w+:ordersDataSource$/);
	});

	it("takes the name of a DataSource for its token", () => {
		expect(getToken("orders")).toBe(getToken(getDataSourceToken("orders")));
		expect(getToken("default")).toBe(getToken());
	});

	it("says whose it is in Nest's own messages", () => {
		expect(String(getToken(OrdersDataSource))).toContain("OrdersDataSource");
	});
});

it("never takes a connector for a rotator", () => {
	const connectors = TOKENS.map((token) => getConnectorToken(token));

	expect(TOKENS.filter((token) => connectors.includes(getRotatorToken(token)))).toEqual([]);
});

it.each([
	[undefined, "default"],
	[DataSource, "default"],
	["ordersDataSource", "orders"],
	["ORDERS", "ORDERS"],
	[OrdersDataSource, "OrdersDataSource"],
	[Symbol("orders"), "Symbol(orders)"],
])("calls the connector of %p %p", (token, name) => {
	expect(nameConnector(token)).toBe(name);
});

it.each([
	["the default DataSource", getDataSourceToken(), undefined],
	["a named DataSource", getDataSourceToken("orders"), "orders"],
	["a DataSource whose name ends like a token", getDataSourceToken("ordersDataSource"), "ordersDataSource"],
	["another string", "ORDERS", undefined],
	["a class", OrdersDataSource, undefined],
])("reads the name of %s from its token", (_label, token, name) => {
	expect(nameDataSource(token)).toBe(name);
});
