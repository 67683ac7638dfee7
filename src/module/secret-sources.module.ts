/** Owns what the connectors and the secrets manager of one application share: its ways to Secrets Manager. */
import { Inject, Module, type OnApplicationShutdown } from "@nestjs/common";

import { SecretSources } from "../secrets/secret-sources.js";

/** A class without options: however often it is imported, an application has one of it. */
@Module({ exports: [SecretSources], providers: [{ provide: SecretSources, useFactory: () => new SecretSources() }] })
export class SecretSourcesModule implements OnApplicationShutdown {
	constructor(@Inject(SecretSources) private readonly sources: SecretSources) {}

	/** Late in the shutdown: a rotation that is still in flight when modules are destroyed may read to its end. */
	onApplicationShutdown(): void {
		this.sources.close();
	}
}
