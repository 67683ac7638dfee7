/**
 * The parameters of one connector, read as the application reads them, together with the ARNs and types that a policy
 * and a remedy need.
 */
import type { Parameter } from "@aws-sdk/client-ssm";

import { isFullName } from "../aws/parameter-name.js";
import type { LookupSource } from "../connector/sources.js";
import { CachedParameters, type ParameterFetcher } from "../parameter-store/cached-parameters.js";
import { describeParameter } from "../parameter-store/match-parameters.js";
import { buildParameterPath, buildTreePath, type SegmentDefaults } from "../parameter-store/parameter-path.js";
import type { IParameterStoreGetManyOptions, IParameterValue, TParameterLookup } from "../parameter-store/parameter-store.options.js";

/** What the command line says of the application's parameter store. */
export interface SurveyOptions {
	/** Whether nothing but the connector's own parameters is read. */
	readonly isOnDemand: boolean;
	/** Segments of structured lookups; none where the application has no ParameterStoreConfigModule. */
	readonly segments: Readonly<Partial<SegmentDefaults>>;
	readonly shouldDecrypt: boolean;
	readonly store: ParameterFetcher;
}

/** Reads the tree or single parameters. A lookup that names no place fails alone, when its own value is asked for. */
export class ParameterSurvey implements LookupSource {
	readonly canReadFullNames = true;
	/** What the tree is read below; `undefined` where it is not read. */
	readonly treePath: string | undefined;

	/** Whether SecureStrings are read in clear. */
	readonly isDecrypted: boolean;
	readonly #options: SurveyOptions;
	#parameters: CachedParameters;
	readonly #found = new Map<string, Parameter>();

	constructor(options: SurveyOptions) {
		const { isOnDemand, segments } = options;
		const { application, environment } = segments;
		const hasTree = !isOnDemand && application !== undefined && environment !== undefined;
		this.treePath = hasTree
			? buildTreePath({ ...segments, application: application.trim(), environment: environment.trim() } as SegmentDefaults)
			: undefined;
		this.isDecrypted = options.shouldDecrypt;
		this.#options = options;
		this.#parameters = this.open([], undefined);
	}

	/**
	 * Reads what the application reads at its start: the tree, and single parameters outside of it.
	 * @throws ParameterStoreUnavailableError when either cannot be read, with which the application would not start.
	 */
	async load(lookups: readonly TParameterLookup[]): Promise<void> {
		const { shouldDecrypt, store } = this.#options;
		const { treePath } = this;
		if (treePath !== undefined) {
			const parameters = (await store.getParametersByPath?.(treePath, shouldDecrypt, true)) ?? [];
			for (const parameter of parameters) this.#found.set(String(parameter.Name), parameter);
			this.#parameters = this.open(parameters, { isRecursive: true, path: treePath });
		}
		await this.readMany(lookups);
	}

	canRead(lookup: TParameterLookup): boolean {
		return isFullName(lookup) || this.#options.segments.application !== undefined;
	}

	/** @throws LookupInvalidError when a segment is named nowhere. */
	describePath(lookup: TParameterLookup): string {
		// The type asks for all four; the one that is missing is what the error names.
		return buildParameterPath(lookup, this.#options.segments as SegmentDefaults);
	}

	/** @throws LookupInvalidError */
	get(lookup: TParameterLookup): string | null {
		return this.read(lookup)?.text ?? null;
	}

	/** @throws LookupInvalidError */
	read(lookup: TParameterLookup): IParameterValue | null {
		return describeParameter(this.#parameters.find(this.describePath(lookup)), this.#options.shouldDecrypt);
	}

	/** @throws ParameterStoreUnavailableError */
	async readMany(
		lookups: readonly TParameterLookup[],
		options?: IParameterStoreGetManyOptions,
	): Promise<readonly (IParameterValue | null)[]> {
		const paths = lookups.map((lookup) => (this.canRead(lookup) ? this.findPath(lookup) : undefined));
		const known = paths.filter((path) => path !== undefined);
		const source = await this.#parameters.read(known, options);
		for (const path of known) {
			const parameter = source.get(path);
			if (parameter) this.#found.set(path, parameter);
		}
		return paths.map((path) => (path === undefined ? null : describeParameter(source.get(path), this.#options.shouldDecrypt)));
	}

	/** The parameter with this full name, as far as it was read. */
	find(path: string): Parameter | undefined {
		return this.#found.get(path);
	}

	private open(
		parameters: readonly Parameter[],
		tree: { readonly isRecursive: boolean; readonly path: string } | undefined,
	): CachedParameters {
		const { shouldDecrypt, store } = this.#options;
		return new CachedParameters({ parameters, shouldDecrypt, store, tree });
	}

	private findPath(lookup: TParameterLookup): string | undefined {
		try {
			return this.describePath(lookup);
		} catch {
			return undefined;
		}
	}
}
