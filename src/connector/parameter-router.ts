/**
 * Leads each lookup to what can answer it: the application's own parameter store, or the connector's reader of full
 * names.
 */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { isFullName } from "../aws/parameter-name.js";
import type { IParameterStoreGetManyOptions, IParameterValue, TParameterLookup } from "../parameter-store/parameter-store.options.js";
import type { LookupSource } from "./sources.js";

/**
 * The source for a configuration: the application's own where that answers everything, `undefined` where nothing is to
 * be looked up.
 */
export function selectParameterSource(
	config: ITypeOrmAwsConnectorConfig,
	own: LookupSource | undefined,
	createNamed: () => LookupSource,
): LookupSource | undefined {
	const prefixes = [config, ...(config.replicas ?? [])];
	const hasFullNames = prefixes.some(({ ssmLookups = {} }) => Object.values(ssmLookups).some(isFullName));
	return !hasFullNames || own?.canReadFullNames === true ? own : new ParameterRouter(own, createNamed());
}

/** See above. */
export class ParameterRouter implements LookupSource {
	readonly canReadFullNames = true;

	constructor(
		private readonly own: LookupSource | undefined,
		private readonly named: LookupSource,
	) {}

	canRead(lookup: TParameterLookup): boolean {
		const source = this.select(lookup);
		return source !== undefined && source.canRead?.(lookup) !== false;
	}

	canReadAgain(lookup: TParameterLookup): boolean {
		return canReadAgain(this.select(lookup), lookup);
	}

	describePath(lookup: TParameterLookup): string | undefined {
		return this.select(lookup)?.describePath?.(lookup);
	}

	get(lookup: TParameterLookup): string | null {
		return this.select(lookup)?.get(lookup) ?? null;
	}

	read(lookup: TParameterLookup): IParameterValue | null {
		return readNow(this.select(lookup), lookup);
	}

	async readMany(
		lookups: readonly TParameterLookup[],
		options: IParameterStoreGetManyOptions,
	): Promise<readonly (IParameterValue | null)[]> {
		const answers = new Map<TParameterLookup, IParameterValue | null>();
		const read = async (source: LookupSource | undefined): Promise<void> => {
			const asked = lookups.filter((lookup) => this.select(lookup) === source);
			const values = await readTogether(source, asked, options);
			for (const [index, lookup] of asked.entries()) answers.set(lookup, values[index] ?? null);
		};
		await Promise.all([read(this.named), read(this.own)]);
		return lookups.map((lookup) => answers.get(lookup) ?? null);
	}

	private select(lookup: TParameterLookup): LookupSource | undefined {
		return isFullName(lookup) ? this.named : this.own;
	}
}

/** Whether a rotation sees a new value of this lookup. */
export function canReadAgain(source: LookupSource | undefined, lookup: TParameterLookup): boolean {
	return source?.canReadAgain?.(lookup) ?? (source?.getMany !== undefined || source?.readMany !== undefined);
}

/** Reads in one go what can be read so, and the rest one by one. */
export async function readTogether(
	source: LookupSource | undefined,
	lookups: readonly TParameterLookup[],
	options: IParameterStoreGetManyOptions,
): Promise<readonly (IParameterValue | null)[]> {
	if (source === undefined || lookups.length === 0) return lookups.map(() => null);
	if (source.readMany !== undefined) return source.readMany(lookups, options);
	if (source.getMany === undefined) return lookups.map((lookup) => readNow(source, lookup));
	return (await source.getMany(lookups, options)).map(describeText);
}

function readNow(source: LookupSource | undefined, lookup: TParameterLookup): IParameterValue | null {
	if (source === undefined) return null;
	return source.read === undefined ? describeText(source.get(lookup)) : source.read(lookup);
}

function describeText(text: string | null | undefined): IParameterValue | null {
	return text === null || text === undefined ? null : { isEncrypted: false, text, type: undefined, version: undefined };
}
