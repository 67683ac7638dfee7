/** Reads parameters by full name for an application without a ParameterStoreConfigModule. */
import type { SSMClient, SSMClientConfig } from "@aws-sdk/client-ssm";

import { isFullName } from "../aws/parameter-name.js";
import { ParameterNotLoadedError } from "../errors/errors.js";
import { CachedParameters } from "./cached-parameters.js";
import { describeParameter } from "./match-parameters.js";
import { requireFullName } from "./parameter-path.js";
import type { IParameterStoreGetManyOptions, IParameterValue, TParameterLookup } from "./parameter-store.options.js";
import { ParameterStoreService } from "./parameter-store.service.js";
import { createSsmClient } from "./ssm-client.js";

/** How Parameter Store is reached. */
export interface NamedParametersOptions {
	/** Asked once, at the first read. */
	readonly describeClient: () => SSMClientConfig;
	/** A ready-made client: used as it is, never destroyed. */
	readonly ssmClient?: SSMClient | undefined;
}

/** Answers full names only. SecureStrings are decrypted. */
export class NamedParameters {
	/** See the interface of parameter sources. */
	readonly canReadFullNames = true;

	/** Private to the language: values and an AWS identity are in it. */
	readonly #options: NamedParametersOptions;
	#parameters: CachedParameters | undefined;
	#store: ParameterStoreService | undefined;

	constructor(options: NamedParametersOptions) {
		this.#options = options;
	}

	/** Whether it is a full name. */
	canRead(lookup: TParameterLookup): boolean {
		return isFullName(lookup);
	}

	/**
	 * The full name, trimmed; `undefined` for a structured lookup.
	 * @throws LookupInvalidError saying what is wrong with the name.
	 */
	describePath(lookup: TParameterLookup): string | undefined {
		return isFullName(lookup) ? requireFullName(lookup) : undefined;
	}

	/** @throws LookupInvalidError; ParameterNotLoadedError for a parameter that was never read. */
	get(lookup: TParameterLookup): string | null {
		return this.read(lookup)?.text ?? null;
	}

	/** @throws LookupInvalidError; ParameterNotLoadedError for a parameter that was never read. */
	read(lookup: TParameterLookup): IParameterValue | null {
		const path = this.describePath(lookup);
		if (path === undefined) return null;
		const parameter = this.#parameters?.find(path);
		if (parameter === undefined) throw new ParameterNotLoadedError(path);
		return describeParameter(parameter, true);
	}

	/** @throws LookupInvalidError; ParameterStoreUnavailableError; ConnectorClosedError when `signal` aborts. */
	async readMany(
		lookups: readonly TParameterLookup[],
		options?: IParameterStoreGetManyOptions,
	): Promise<readonly (IParameterValue | null)[]> {
		const paths = lookups.map((lookup) => this.describePath(lookup));
		const source = await this.open().read(
			paths.filter((path) => path !== undefined),
			options,
		);
		return paths.map((path) => (path === undefined ? null : describeParameter(source.get(path), true)));
	}

	/** See {@link readMany}. */
	async getMany(lookups: readonly TParameterLookup[], options?: IParameterStoreGetManyOptions): Promise<readonly (string | null)[]> {
		return (await this.readMany(lookups, options)).map((value) => value?.text ?? null);
	}

	/** Destroys the client made here. */
	close(): void {
		this.#parameters?.close();
		this.#store?.onApplicationShutdown();
	}

	private open(): CachedParameters {
		if (this.#parameters !== undefined) return this.#parameters;
		const { describeClient, ssmClient } = this.#options;
		this.#store = new ParameterStoreService(
			createSsmClient(ssmClient === undefined ? { config: describeClient() } : { client: ssmClient }),
		);
		this.#parameters = new CachedParameters({ shouldDecrypt: true, store: this.#store });
		return this.#parameters;
	}
}
