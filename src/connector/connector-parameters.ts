/** The parameters of one connector, read together so that they belong together. */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import type { FieldName } from "../configuration/connector-fields.js";
import { isTypeOrmAwsConnectorError, type TConnectorErrorCode } from "../errors/connector.error.js";
import { ParameterInvalidError } from "../errors/errors.js";
import { NamedParameters } from "../parameter-store/named-parameters.js";
import type { IParameterStoreGetManyOptions, IParameterValue, TParameterLookup } from "../parameter-store/parameter-store.options.js";
import { listLookups } from "../resolution/list-lookups.js";
import { canRead, type ParameterReader } from "../resolution/read-parameter.js";
import { ALL_FIELDS, TARGET_FIELDS } from "../resolution/resolve-settings.js";
import { describeSsmClient } from "../aws/describe-ssm-client.js";
import { canReadAgain, readTogether, selectParameterSource } from "./parameter-router.js";
import type { LookupSource, ParameterSource } from "./sources.js";
import { systemClock } from "../support/clock.js";

/** While callers wait for credentials, Parameter Store is asked at most this often. */
const RECOVERY_REFRESH_MS = 10_000;

const OUTAGES: ReadonlySet<TConnectorErrorCode> = new Set(["ERR_CONNECTOR_PARAMETER_STORE_UNAVAILABLE", "ERR_CONNECTOR_TIMEOUT"]);

/**
 * Reads what a connector needs and keeps it, so that a rotation asks again only for what decides where a connection
 * goes. A host and a secret id always come from the same read, whatever else is read from the source meanwhile.
 */
export class ConnectorParameters {
	readonly #config: ITypeOrmAwsConnectorConfig;
	private refreshedAtMs = Number.NEGATIVE_INFINITY;
	private hasReportedNoRefresh = false;
	private hasReportedOutage = false;
	#known: ReadonlyMap<string, IParameterValue | null> = new Map();

	/** Answers at once, from what it has read. */
	readonly source: LookupSource | undefined;
	/** `undefined` where no full name is looked up, or the application's own parameter store answers them. */
	private named: NamedParameters | undefined;
	private readonly reported = new Set<string>();

	/**
	 * @param own the application's own parameter store.
	 * @param findRegion asked for the region where the options name none.
	 */
	constructor(
		config: ITypeOrmAwsConnectorConfig,
		own: ParameterSource | undefined,
		private readonly warn: (message: string) => void,
		findRegion?: () => string | undefined,
	) {
		this.#config = config;
		const { aws } = config;
		const open = (): NamedParameters =>
			new NamedParameters({ describeClient: () => describeSsmClient(aws, findRegion), ssmClient: aws?.ssmClient });
		this.source = selectParameterSource(config, own, () => (this.named = open()));
	}

	/** What resolving these fields asks for. A source that has read it already is not made to read it again. */
	async load(names: readonly FieldName[], signal?: AbortSignal): Promise<ParameterReader | undefined> {
		try {
			await this.read(names, { signal });
			return this.createReader();
		} catch (error) {
			// One parameter is of a wrong type. Asked one by one, the source says so for that one, and the others get their
			// turn.
			if (isTypeOrmAwsConnectorError(error) && error.code === "ERR_CONNECTOR_PARAMETER_INVALID") return this.source;
			throw error;
		}
	}

	/**
	 * Everything, the target having been read again. Where Parameter Store does not answer, or does not allow it, the
	 * target stays as it was: new credentials do not have to wait for a service that has no part in them.
	 */
	async refresh(signal?: AbortSignal): Promise<ParameterReader | undefined> {
		if (this.#known.size === 0) await this.load(ALL_FIELDS, signal);
		this.reportWhenFixed();
		try {
			await this.read(TARGET_FIELDS, { shouldRefresh: true, signal });
			this.hasReportedOutage = false;
		} catch (error) {
			if (!isTypeOrmAwsConnectorError(error) || !OUTAGES.has(error.code)) throw error;
			this.reportOutage(error.message);
		}
		return this.createReader();
	}

	/**
	 * Everything as it was read last: the pending version of a secret belongs to the place where the current one was
	 * tried.
	 */
	async reuse(signal?: AbortSignal): Promise<ParameterReader | undefined> {
		return this.#known.size === 0 ? this.load(ALL_FIELDS, signal) : this.createReader();
	}

	/**
	 * The same while callers wait for credentials: Parameter Store is asked beside them and at most every {@link
	 * RECOVERY_REFRESH_MS}, so that one that hangs holds up no caller. What it answers counts from the next fetch on.
	 */
	async refreshBeside(signal?: AbortSignal): Promise<ParameterReader | undefined> {
		const nowMs = systemClock.nowMs();
		if (this.#known.size === 0 || nowMs - this.refreshedAtMs < RECOVERY_REFRESH_MS) return this.reuse(signal);
		this.refreshedAtMs = nowMs;
		// Not under the signal of the fetch, which ends before an answer may come. The source has a deadline of its own.
		this.refresh().catch((error: unknown) => this.reportOutage((error as Error).message));
		return this.createReader();
	}

	/** Warns of each of these once. */
	report(warnings: readonly string[]): void {
		for (const warning of warnings) {
			if (!this.reported.has(warning)) this.warn(warning);
			this.reported.add(warning);
		}
	}

	/** Destroys the client of the reader of full names. */
	close(): void {
		this.named?.close();
	}

	private async read(names: readonly FieldName[], options: IParameterStoreGetManyOptions): Promise<void> {
		const { source } = this;
		const lookups = listLookups(this.#config, names).filter((lookup) => canRead(source, lookup) && canReadAgain(source, lookup));
		if (lookups.length === 0) return;
		const values = await readTogether(source, lookups, options);
		// At the start each field says it for itself, together with what else is wrong.
		if (options.shouldRefresh === true) this.refuseLists(lookups, values);
		const fresh = lookups.map((lookup, index) => [JSON.stringify(lookup), values[index] ?? null] as const);
		this.#known = new Map([...this.#known, ...fresh]);
	}

	/** What was read before stays, as after every read that fails. */
	private refuseLists(lookups: readonly TParameterLookup[], values: readonly (IParameterValue | null)[]): void {
		const lookup = lookups[values.findIndex((value) => value?.type === "StringList")];
		if (lookup === undefined) return;
		const path = this.source?.describePath?.(lookup);
		const label = typeof lookup === "string" ? lookup : lookup.path.join("/");
		throw new ParameterInvalidError(label, "is a StringList, but must be a String or a SecureString", { lookup, path });
	}

	private createReader(): ParameterReader | undefined {
		const { source } = this;
		const known = this.#known;
		if (source === undefined || known.size === 0) return source;
		return {
			canRead: (lookup) => canRead(source, lookup),
			describePath: (lookup) => source.describePath?.(lookup),
			get: (lookup) => {
				const value = known.get(JSON.stringify(lookup));
				return value === undefined ? source.get(lookup) : (value?.text ?? null);
			},
			...(source.read && {
				read: (lookup) => {
					const value = known.get(JSON.stringify(lookup));
					return value === undefined ? (source.read?.(lookup) ?? null) : value;
				},
			}),
		};
	}

	private reportWhenFixed(): void {
		const { source } = this;
		if (this.hasReportedNoRefresh || source === undefined) return;
		const fixed = listLookups(this.#config, TARGET_FIELDS).filter((lookup) => canRead(source, lookup) && !canReadAgain(source, lookup));
		if (fixed.length === 0) return;
		this.hasReportedNoRefresh = true;
		this.warn(
			"The parameter store in use has no getMany(): a rotation does not see when host, port, secret id, database name or type change.",
		);
	}

	/** Once for each outage, however many rotations fall into it. */
	private reportOutage(message: string): void {
		if (this.hasReportedOutage) return;
		this.hasReportedOutage = true;
		this.warn(`Rotations go on with host, port, secret id, database name and type as they were. ${message}`);
	}
}
