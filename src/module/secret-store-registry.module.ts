/** Owns what the connectors and the secrets manager of one application share: its ways to Secrets Manager. */
import { Inject, Module, type OnApplicationShutdown } from "@nestjs/common";

import { SecretStoreRegistry } from "../secrets/secret-store-registry.js";

/** A class without options: however often it is imported, an application has one of it. */
@Module({ exports: [SecretStoreRegistry], providers: [{ provide: SecretStoreRegistry, useFactory: () => new SecretStoreRegistry() }] })
export class SecretStoreRegistryModule implements OnApplicationShutdown {
	constructor(@Inject(SecretStoreRegistry) private readonly registry: SecretStoreRegistry) {}

	/** Late in the shutdown: a rotation that is still in flight when modules are destroyed may read to its end. */
	onApplicationShutdown(): void {
		this.registry.close();
	}
}
