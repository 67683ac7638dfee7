/**
 * Reads and writes secrets of Secrets Manager: one client per region, one request at a time per secret and stage, a
 * deadline on each.
 */
import {
	GetSecretValueCommand,
	type GetSecretValueCommandOutput,
	PutSecretValueCommand,
	SecretsManagerClient,
	type SecretsManagerClientConfig,
} from "@aws-sdk/client-secrets-manager";

import { ConnectorTimeoutError, SecretMalformedError } from "../errors/errors.js";
import { withAwsClientDefaults } from "../aws/aws-client-defaults.js";
import { warnOfPlainEndpoint } from "../aws/plain-endpoint.js";
import { parseArnOf } from "../aws/parse-arn.js";
import { followProgress } from "../aws/request-progress.js";
import { type Clock, systemClock } from "../support/clock.js";
import { hasPaused, repeatAfterPause } from "../support/repeat-after-pause.js";
import { withDeadline } from "../support/with-deadline.js";
import { explainSecretFailure } from "./explain-secret-failure.js";

/** All attempts of the SDK together. */
export const FETCH_DEADLINE_MS = 10_000;
const MAXIMUM_SECRET_BYTES = 65_536;

/** How Secrets Manager is reached. */
export interface SecretFetcherOptions {
	readonly clock?: Clock;
	readonly credentials?: SecretsManagerClientConfig["credentials"];
	readonly endpoint?: string | undefined;
	/**
	 * Asked for the region when neither the secret's ARN nor `region` names one; when it has none either, the environment
	 * and the SDK are asked.
	 */
	readonly findRegion?: () => string | undefined;
	readonly region?: string | undefined;
	/** A ready-made client: used as it is for every secret, never replaced, never destroyed. */
	readonly secretsManagerClient?: Pick<SecretsManagerClient, "send"> | undefined;
}

/** Which version of a secret to read, and when to stop waiting for it. */
export interface FetchSecretOptions {
	/** Ends the wait with a ConnectorClosedError; the request goes on for the others who wait for it. */
	readonly signal?: AbortSignal | undefined;
	/** Default `AWSCURRENT`. */
	readonly versionStage?: string;
}

/** A secret as it is stored. */
export interface FetchedSecret {
	readonly text: string;
	readonly versionId: string | undefined;
}

/** Clients and requests that live and end together. */
interface Session {
	readonly clients: Map<string | undefined, SecretsManagerClient>;
	/** Requests that others may wait for, too. */
	readonly joinable: Map<string, { readonly request: Promise<FetchedSecret>; readonly startedAtMs: number }>;
	/** Every request in flight. */
	readonly requests: Set<Promise<unknown>>;
}

/** Reads secrets. Nothing is kept: each fetch that finds none in flight asks AWS. */
export class SecretFetcher {
	private readonly closing = new AbortController();
	/** Private to the language, as are the clients: an AWS identity may be among them. */
	readonly #options: SecretFetcherOptions;
	#session = openSession();

	constructor(options: SecretFetcherOptions = {}) {
		this.#options = options;
	}

	/**
	 * The text of a secret and the id of its version.
	 * @throws SecretNotFoundError, SecretUnavailableError, SecretMalformedError, ConnectorTimeoutError after 10 s, and
	 * ConnectorClosedError when `signal` aborts or the fetcher is closed.
	 */
	async fetch(secretId: string, { signal, versionStage = "AWSCURRENT" }: FetchSecretOptions = {}): Promise<FetchedSecret> {
		const join = (): Promise<FetchedSecret> => this.joinRequest(secretId, versionStage);
		return signal === undefined ? join() : withDeadline(join, { ...this.describeDeadline(secretId), signal });
	}

	/**
	 * Makes `text` the current version of a secret that exists, and gives the id of that version. Requests in flight may
	 * bring what it was before, so no caller joins them any more.
	 * @throws SecretNotFoundError, SecretUnavailableError, SecretMalformedError when it is too large,
	 * ConnectorTimeoutError after 10 s, and ConnectorClosedError when the fetcher is closed.
	 */
	async put(secretId: string, text: string): Promise<string | undefined> {
		if (Buffer.byteLength(text) > MAXIMUM_SECRET_BYTES) throw new SecretMalformedError(secretId, "too-large");
		const session = this.#session;
		const command = new PutSecretValueCommand({ SecretId: secretId, SecretString: text });
		const readProgress = followProgress(command);
		const request = withDeadline((abortSignal) => this.selectClient(session, secretId).send(command, { abortSignal }), {
			...this.describeDeadline(secretId, "storing"),
			signal: this.closing.signal,
		});
		session.requests.add(request);
		try {
			return (await request).VersionId;
		} catch (error) {
			const region = await this.findRegion(session, secretId);
			throw explainSecretFailure(error, secretId, { progress: readProgress(), region, verb: "stored" });
		} finally {
			session.requests.delete(request);
			session.joinable.clear();
		}
	}

	/**
	 * Drops the clients made here, and with them whatever identity or connection went bad. Requests in flight end
	 * undisturbed, but no caller joins them.
	 */
	renew(): void {
		const retired = this.#session;
		this.#session = openSession();
		void endSession(retired);
	}

	/** Ends every wait and destroys the clients made here. Fetches fail from now on. */
	close(): void {
		this.closing.abort();
		void endSession(this.#session);
	}

	private joinRequest(secretId: string, versionStage: string): Promise<FetchedSecret> {
		const session = this.#session;
		const key = `${versionStage} ${secretId}`;
		const known = session.joinable.get(key);
		const bound = this.describeDeadline(secretId);
		// One that began before the process stood still may bring what the secret was then.
		if (known !== undefined && !hasPaused(known.startedAtMs, bound)) return known.request;
		const request = repeatAfterPause(async () => this.request(session, secretId, versionStage), bound).finally(() => {
			session.requests.delete(request);
			if (session.joinable.get(key)?.request === request) session.joinable.delete(key);
		});
		session.requests.add(request);
		session.joinable.set(key, { request, startedAtMs: bound.clock.nowMs() });
		return request;
	}

	private async request(session: Session, secretId: string, versionStage: string): Promise<FetchedSecret> {
		const command = new GetSecretValueCommand({ SecretId: secretId, VersionStage: versionStage });
		const readProgress = followProgress(command);
		try {
			const output = await withDeadline((abortSignal) => this.selectClient(session, secretId).send(command, { abortSignal }), {
				...this.describeDeadline(secretId),
				signal: this.closing.signal,
			});
			return { text: readText(secretId, output), versionId: output.VersionId };
		} catch (error) {
			// The SDK asks a provider of identities once at a time: one that never answers would hold up every later request of
			// its client.
			if (error instanceof ConnectorTimeoutError && session === this.#session) this.renew();
			const region = await this.findRegion(session, secretId);
			throw explainSecretFailure(error, secretId, { progress: readProgress(), region, verb: "loaded" });
		}
	}

	/** The region that was asked, for messages; `undefined` where nothing names one. */
	private async findRegion(session: Session, secretId: string): Promise<string | undefined> {
		const { config } = this.selectClient(session, secretId) as Partial<SecretsManagerClient>;
		return config?.region().catch(() => undefined);
	}

	private describeDeadline(secretId: string, work = "fetch"): { clock: Clock; deadlineMs: number; subject: string } {
		return { clock: this.#options.clock ?? systemClock, deadlineMs: FETCH_DEADLINE_MS, subject: `The ${work} of secret "${secretId}"` };
	}

	private selectClient({ clients }: Session, secretId: string): Pick<SecretsManagerClient, "send"> {
		const { credentials, endpoint, findRegion, region: chosenRegion, secretsManagerClient } = this.#options;
		if (secretsManagerClient !== undefined) return secretsManagerClient;
		// A secret that is named by its ARN is in no other region.
		const region = findRegionInArn(secretId) ?? chosenRegion ?? findRegion?.();
		const known = clients.get(region);
		if (known !== undefined) return known;
		const configuration: SecretsManagerClientConfig = {
			...(credentials === undefined ? {} : { credentials }),
			...(endpoint === undefined ? {} : { endpoint }),
			...(region === undefined ? {} : { region }),
		};
		warnOfPlainEndpoint(endpoint, "SECRETS_MANAGER");
		const client = new SecretsManagerClient(withAwsClientDefaults(configuration));
		clients.set(region, client);
		return client;
	}
}

function openSession(): Session {
	return { clients: new Map(), joinable: new Map(), requests: new Set() };
}

/** Destroying a client cuts its requests, so they end first; each has a deadline. */
async function endSession({ clients, requests }: Session): Promise<void> {
	await Promise.allSettled(requests);
	for (const client of clients.values()) client.destroy();
}

function findRegionInArn(secretId: string): string | undefined {
	const region = parseArnOf("secretsmanager", secretId)?.region;
	return region === "" ? undefined : region;
}

function readText(secretId: string, output: GetSecretValueCommandOutput): string {
	const text = output.SecretString;
	const byteCount = text === undefined ? output.SecretBinary?.byteLength : Buffer.byteLength(text);
	if (byteCount === undefined) throw new SecretMalformedError(secretId, "empty");
	if (byteCount > MAXIMUM_SECRET_BYTES) throw new SecretMalformedError(secretId, "too-large");
	if (text !== undefined) return text;
	try {
		// A byte order mark stays: the parser strips one, wherever the text came from.
		return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(output.SecretBinary);
	} catch {
		throw new SecretMalformedError(secretId, "not-utf8");
	}
}
