/** What Parameter Store says of one connector's parameters, together with the types and ARNs that a service would throw away. */
import type { Parameter } from "@aws-sdk/client-ssm";

import type { IStructuredLookup } from "../configuration/connector.options.js";
import { ParameterInvalidError } from "../errors/errors.js";
import { buildParameterPath, type SegmentDefaults } from "../parameter-store/parameter-path.js";
import type { ParameterStoreService } from "../parameter-store/parameter-store.service.js";
import type { ParameterReader } from "../resolution/resolve-settings.js";

/** What is used of the service. */
export type ParameterFetcher = Pick<ParameterStoreService, "getParametersByName">;

/** Reads by exact name, once. A look-up that names no place fails alone, when its own value is asked for. */
export class ParameterSurvey implements ParameterReader {
	readonly #found = new Map<string, Parameter>();

	constructor(
		private readonly store: ParameterFetcher,
		private readonly segments: Readonly<Partial<SegmentDefaults>>,
		private readonly shouldDecrypt: boolean,
	) {}

	/** @throws ParameterStoreUnavailableError */
	async read(lookups: readonly IStructuredLookup[]): Promise<void> {
		const paths = lookups.flatMap((lookup) => this.listPath(lookup));
		if (paths.length === 0) return;
		for (const parameter of await this.store.getParametersByName(paths, { shouldDecrypt: this.shouldDecrypt })) {
			this.#found.set(parameter.Name ?? "", parameter);
		}
	}

	/** @throws LookupInvalidError when no segment is named at one place. */
	describePath(lookup: IStructuredLookup): string {
		// The type asks for all four; the one that is missing is what the error names.
		return buildParameterPath(lookup, this.segments as SegmentDefaults);
	}

	/** @throws LookupInvalidError; ParameterInvalidError when the value is of no use, being a list or still encrypted. */
	get(lookup: IStructuredLookup): string | null {
		const path = this.describePath(lookup);
		const { Type: type, Value: value } = this.#found.get(path) ?? {};
		const label = lookup.path.join("/");
		if (type === "StringList") throw new ParameterInvalidError(label, "is a StringList, but must be a String", { lookup, path });
		if (type === "SecureString" && !this.shouldDecrypt) {
			throw new ParameterInvalidError(label, "is a SecureString and was not decrypted (--decrypt)", { lookup, path });
		}
		return value ?? null;
	}

	/** The parameter with this full name, as far as it was read. */
	find(path: string): Parameter | undefined {
		return this.#found.get(path);
	}

	private listPath(lookup: IStructuredLookup): string[] {
		try {
			return [this.describePath(lookup)];
		} catch {
			return [];
		}
	}
}
