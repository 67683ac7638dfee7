/** An editor shows for each public name what it is, and for a class or a function how it is used. */
import { PublicSurface } from "../../support/public-surface.js";

const surface = new PublicSurface();

it("finds the public surface", () => {
	const names = surface.listExports().map(({ name }) => name);

	expect(names).toEqual(expect.arrayContaining(["ENamespace", "ITypeOrmAwsConnectorConfig", "RotatorService"]));
	expect(surface.listMembers().map(({ name }) => name)).toEqual(
		expect.arrayContaining(["RotatorService.describe", "TypeOrmAwsConnectorModule.register", "ITypeOrmAwsConnectorConfig.entities"]),
	);
});

it("explains every export", () => {
	const silent = surface.listExports().filter(({ documentation }) => documentation === "");

	expect(silent.map(({ name }) => name)).toEqual([]);
});

it("explains every member of an exported class or interface", () => {
	const silent = surface.listMembers().filter(({ documentation }) => documentation === "");

	expect(silent.map(({ name }) => name)).toEqual([]);
});

it("shows how every class and function is used", () => {
	const used = surface.listExports().filter(({ isCallable, isClass }) => isCallable || isClass);
	const unshown = used.filter(({ hasExample }) => !hasExample);

	expect(used.length).toBeGreaterThan(20);
	expect(unshown.map(({ name }) => name)).toEqual([]);
});
