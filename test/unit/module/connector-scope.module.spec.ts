/** What keeps registrations apart, as far as it can be seen without Nest. */
import type { DynamicModule, ExistingProvider } from "@nestjs/common";
import { ConfigModule } from "@nestjs/config";

import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { getConnectorToken, getRotatorToken } from "../../../src/module/connector.tokens.js";
import { assembleConnectorModule, ConnectorScopeModule } from "../../../src/module/connector-scope.module.js";
import { SecretStoreRegistryModule } from "../../../src/module/secret-store-registry.module.js";
import { RotatorService } from "../../../src/rotation/rotator.service.js";

class RegistrationModule {}
class ImportedModule {}

function assemble(dataSourceToken?: string): { directory: DynamicModule; registration: DynamicModule; scope: DynamicModule } {
	const registration = assembleConnectorModule(RegistrationModule, [], dataSourceToken === undefined ? {} : { dataSourceToken }, [
		ImportedModule,
	]);
	const [scope, directory] = registration.imports as [DynamicModule, DynamicModule];
	return { directory, registration, scope };
}

it("is global without a DataSource token, and scoped with one", () => {
	expect(assemble().registration.global).toBe(true);
	expect(assemble("ordersDataSource").registration.global).toBe(false);
});

it("re-exports the scope and provides nothing itself, or up to Nest 10 a global connector would win over a scoped one", () => {
	const { registration, scope } = assemble("ordersDataSource");

	expect(registration.providers).toBeUndefined();
	expect(registration.exports).toEqual([ConnectorScopeModule]);
	expect(scope.exports).toEqual(expect.arrayContaining([RotatorService, TypeOrmAwsConnectorService]));
	expect(scope.global).toBeUndefined();
});

it("makes the tokens of the registration known to the whole application, and only these", () => {
	const { directory } = assemble("ordersDataSource");

	expect(directory.global).toBe(true);
	expect(directory.exports).toEqual([getConnectorToken("ordersDataSource"), getRotatorToken("ordersDataSource")]);
});

it("points each token at something that no other registration has", () => {
	const listTargets = ({ directory }: { directory: DynamicModule }): unknown[] =>
		(directory.providers as ExistingProvider[]).map(({ useExisting }): unknown => useExisting);
	const [first, second] = [assemble("ordersDataSource"), assemble("ordersDataSource")];

	expect(new Set([...listTargets(first), ...listTargets(second)]).size).toBe(4);
	expect(first.scope.exports).toEqual(expect.arrayContaining(listTargets(first)));
});

it("imports ConfigModule, and what all connectors share, after what the user imports", () => {
	expect(assemble().scope.imports).toEqual([ImportedModule, SecretStoreRegistryModule, ConfigModule]);
});
