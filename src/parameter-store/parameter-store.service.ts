/** Reads Systems Manager Parameter Store: a whole path page by page, or exact names in batches. */
import {
	GetParametersByPathCommand,
	type GetParametersByPathCommandInput,
	type GetParametersByPathCommandOutput,
	GetParametersCommand,
	type GetParametersCommandOutput,
	type Parameter,
	type SSMClient,
} from "@aws-sdk/client-ssm";
import { Inject, Injectable, Logger, type OnApplicationShutdown } from "@nestjs/common";

import { ParameterStoreUnavailableError, ConnectorClosedError } from "../errors/errors.js";
import type { RequestProgress } from "../aws/aws-causes.js";
import { classifyAwsFailure } from "../aws/aws-failure.js";
import { parseParameterName } from "../aws/parameter-name.js";
import { followProgress } from "../aws/request-progress.js";
import { waitOutThrottling } from "../aws/wait-out-throttling.js";
import { repeatAfterPause } from "../support/repeat-after-pause.js";
import { withDeadline } from "../support/with-deadline.js";
import { PARAMETER_STORE_SSM_CLIENT } from "./parameter-store.tokens.js";
import { deriveSsmClient, destroySsmClient } from "./ssm-client.js";

/** Systems Manager gives and takes no more than ten parameters in one request. */
const BATCH_SIZE = 10;
/** Bounds one request with all its attempts. */
const REQUEST_DEADLINE_MS = 10_000;
/** Bounds all pages of a path together. */
const PATH_DEADLINE_MS = 60_000;
/** For one page that AWS throttles. The rest is for the last request. */
const THROTTLING_DEADLINE_MS = PATH_DEADLINE_MS - REQUEST_DEADLINE_MS;
/** More than this is no tree of one application, and would fill the memory of the process. */
const MAXIMUM_TREE_SIZE = 10_000;

/** How parameters are read by name. */
export interface ReadByNameOptions {
	/** Whether each request is logged. Default `false`. */
	readonly isVerbose?: boolean;
	/** Whether SecureStrings are decrypted. Default `false`. */
	readonly shouldDecrypt?: boolean;
	/** Ends the requests. */
	readonly signal?: AbortSignal | undefined;
}

/**
 * The raw reads. Applications usually want ParameterStoreConfigService, which remembers what was read.
 * @example
 * const parameters = await parameterStore.getParametersByPath("/shop/production", true);
 */
@Injectable()
export class ParameterStoreService implements OnApplicationShutdown {
	/** Private to the language, as are the others: an AWS identity may be in it. */
	readonly #client: SSMClient;
	/** By region, for parameters that are named by an ARN of another region. */
	readonly #regionalClients = new Map<string, SSMClient>();
	private readonly logger = new Logger("ParameterStoreConfig");

	constructor(@Inject(PARAMETER_STORE_SSM_CLIENT) client: SSMClient) {
		this.#client = client;
	}

	/**
	 * Everything under a path, within 60 s: at most 10,000 parameters.
	 * @param path Such as `/shop/production`.
	 * @param shouldDecrypt Whether a SecureString is decrypted. Default `false`.
	 * @param isRecursive Whether deeper levels are read too. Default `true`.
	 * @param isVerbose Whether the path and the count are logged. Default `false`.
	 * @throws ParameterStoreUnavailableError when a page cannot be read, takes more than 10 s, or names itself as the next
	 * one, and when there are more parameters.
	 * @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html
	 * @example
	 * const parameters = await parameterStore.getParametersByPath("/shop/production", true);
	 */
	async getParametersByPath(path: string, shouldDecrypt = false, isRecursive = true, isVerbose = false): Promise<Parameter[]> {
		if (isVerbose) this.logger.verbose(`Reading the parameters under "${path}"`);
		const input = { MaxResults: BATCH_SIZE, Path: path, Recursive: isRecursive, WithDecryption: shouldDecrypt };
		const parameters = await withDeadline((signal) => this.readPages(input, signal), {
			deadlineMs: PATH_DEADLINE_MS,
			subject: "Reading all pages",
		}).catch((error: unknown) => {
			throw explainFailure(error, { action: "ssm:GetParametersByPath", subject: `path "${path}"` });
		});
		if (isVerbose) this.logger.verbose(`Found ${String(parameters.length)} parameters under "${path}"`);
		return parameters;
	}

	/**
	 * Parameters by their full names or ARNs, ten a request, all requests at once, each within 10 s. Names that do not
	 * exist are left out. An ARN is asked for in its own region. Behind a name with a version or a label the service
	 * answers with the bare name, and with `Selector` beside it.
	 * @throws ParameterStoreUnavailableError when any request fails; ConnectorClosedError when `signal` aborts.
	 * @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
	 * @example
	 * const [host] = await parameterStore.getParametersByName(["/shop/production/aws-rds/aurora-postgres/host"]);
	 */
	async getParametersByName(names: readonly string[], options: ReadByNameOptions = {}): Promise<Parameter[]> {
		const groups = await this.groupByClient([...new Set(names)]);
		const batches = [...groups].flatMap(([client, group]) => splitIntoBatches(group).map((batch) => ({ batch, client })));
		const answers = await Promise.all(batches.map(({ batch, client }) => this.readBatch(client, batch, options)));
		const parameters = answers.flat();
		if (options.isVerbose === true) {
			this.logger.verbose(`Read ${names.join(", ")}: found ${String(parameters.length)} in ${String(batches.length)} requests`);
		}
		return parameters;
	}

	/** Late in the shutdown: a rotation that is still in flight when modules are destroyed may read to its end. */
	onApplicationShutdown(): void {
		for (const client of [this.#client, ...this.#regionalClients.values()]) destroySsmClient(client);
	}

	/**
	 * An ARN of another region goes to a client of its own, unless the client is a ready-made one, which serves all of
	 * them.
	 */
	private async groupByClient(names: readonly string[]): Promise<ReadonlyMap<SSMClient, readonly string[]>> {
		const regions = names.map((name) => parseParameterName(name).region);
		const ownRegion = regions.every((region) => region === undefined) ? undefined : await readRegion(this.#client);
		const groups = new Map<SSMClient, string[]>();
		for (const [index, name] of names.entries()) {
			const region = regions[index];
			const client = region === undefined || region === ownRegion ? this.#client : this.selectClient(region);
			groups.set(client, [...(groups.get(client) ?? []), name]);
		}
		return groups;
	}

	private selectClient(region: string): SSMClient {
		const client = this.#regionalClients.get(region) ?? deriveSsmClient(this.#client, { region });
		this.#regionalClients.set(region, client);
		return client;
	}

	private async readPages(input: GetParametersByPathCommandInput, signal: AbortSignal): Promise<Parameter[]> {
		const parameters: Parameter[] = [];
		const tokens = new Set<string | undefined>();
		let token: string | undefined;
		do {
			// Otherwise the same pages would come round until the deadline.
			if (tokens.has(token)) throw new Error("Systems Manager returned the same NextToken twice");
			tokens.add(token);
			const command = new GetParametersByPathCommand({ ...input, NextToken: token });
			const subject = `path "${String(input.Path)}"`;
			const request = async (abortSignal: AbortSignal): Promise<GetParametersByPathCommandOutput> =>
				this.#client.send(command, { abortSignal });
			const read = async (): Promise<GetParametersByPathCommandOutput> =>
				send(request, { action: "ssm:GetParametersByPath", command, signal, subject });
			const page = await waitOutThrottling(read, {
				deadlineMs: THROTTLING_DEADLINE_MS,
				onWait: (text) => this.logger.warn(`${text} (${subject})`),
				signal,
			});
			parameters.push(...(page.Parameters ?? []));
			if (parameters.length > MAXIMUM_TREE_SIZE)
				throw new ParameterStoreUnavailableError(`path "${String(input.Path)}"`, TOO_MANY, false);
			token = page.NextToken;
		} while (token !== undefined && token !== "");
		return parameters;
	}

	private async readBatch(
		client: SSMClient,
		names: string[],
		{ shouldDecrypt = false, signal }: ReadByNameOptions,
	): Promise<Parameter[]> {
		const command = new GetParametersCommand({ Names: names, WithDecryption: shouldDecrypt });
		const subject = `names ${names.map((name) => `"${name}"`).join(", ")}`;
		const request = async (abortSignal: AbortSignal): Promise<GetParametersCommandOutput> => client.send(command, { abortSignal });
		const answer = await send(request, { action: "ssm:GetParameters", command, signal, subject });
		return answer.Parameters ?? [];
	}
}

const TOO_MANY = `there are more than ${MAXIMUM_TREE_SIZE.toLocaleString("en-US")} parameters below it; shouldLoadOnDemand: true reads those that are needed`;

/** What was asked for, and how far the request got. */
interface FailedRequest {
	readonly action: string;
	readonly progress?: RequestProgress | undefined;
	/** The subject of the error. */
	readonly subject: string;
}

function explainFailure(error: unknown, { action, progress, subject }: FailedRequest): Error {
	if (error instanceof ConnectorClosedError || error instanceof ParameterStoreUnavailableError) return error;
	const { cause, isTransient, reason, remedy } = classifyAwsFailure(error, { permission: `${action} on these parameters`, progress });
	return new ParameterStoreUnavailableError(subject, reason, isTransient, { cause, remedy });
}

/** What is sent, and what its failure says. */
interface SentRequest extends Pick<FailedRequest, "action" | "subject"> {
	readonly command: Parameters<typeof followProgress>[0];
	readonly signal: AbortSignal | undefined;
}

/** One request within its deadline; once more where the process stood still meanwhile. */
async function send<Output>(
	request: (abortSignal: AbortSignal) => Promise<Output>,
	{ action, command, signal, subject }: SentRequest,
): Promise<Output> {
	const readProgress = followProgress(command);
	const deadline = { deadlineMs: REQUEST_DEADLINE_MS, signal, subject: "The request" };
	try {
		return await repeatAfterPause(async () => withDeadline(request, deadline), deadline);
	} catch (error) {
		throw explainFailure(error, { action, progress: readProgress(), subject });
	}
}

/** `undefined` where nothing names one, which the request itself reports. */
async function readRegion({ config }: SSMClient): Promise<string | undefined> {
	try {
		return await config.region();
	} catch {
		return undefined;
	}
}

function splitIntoBatches(names: readonly string[]): string[][] {
	const batchCount = Math.ceil(names.length / BATCH_SIZE);
	return Array.from({ length: batchCount }, (_, index) => names.slice(index * BATCH_SIZE, (index + 1) * BATCH_SIZE));
}
