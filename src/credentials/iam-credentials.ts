/** Logins to RDS and Aurora DSQL with the AWS identity instead of a password. */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import type { IDsqlIamCredentialsSource, IRdsIamCredentialsSource } from "../configuration/credentials.options.js";
import type { GivenLogin } from "../configuration/given-login.js";
import { ConfigurationError, OptionInvalidError } from "../errors/errors.js";
import { findSdkRegion, forgetIdentity } from "../secrets/aws-identity-cache.js";
import type { CredentialsProvider } from "./credentials-provider.js";
import { readEnvironmentRegion } from "../aws/aws-region.js";
import { expandClusterId, findRegionInHost } from "../aws/database-host.js";
import { createDsqlTokenProvider, DSQL_ADMIN } from "./dsql-token.js";
import { LoginRate } from "./login-rate.js";
import { createRdsTokenProvider } from "./rds-token.js";
import { type BoundLogin, TokenLogin, type TokenTarget } from "./token-login.js";
import { loadDsqlSigner, loadRdsSigner } from "./token-signer.js";

/**
 * Aurora DSQL takes this many for each cluster. @see
 * https://docs.aws.amazon.com/aurora-dsql/latest/userguide/CHAP_quotas.html
 */
const DSQL_LOGINS_PER_SECOND = 100;

/** What tokens are made from. */
export interface IamCredentialsOptions {
	readonly config: Pick<ITypeOrmAwsConnectorConfig, "aws" | "ssmLookups" | "username">;
	/** Asked for a region when neither the options nor the host name one. */
	readonly findRegion?: (() => string | undefined) | undefined;
	readonly source: IDsqlIamCredentialsSource | IRdsIamCredentialsSource;
}

/** One login for each user; the tokens differ. */
export class IamCredentials implements CredentialsProvider {
	private readonly logins = new Map<string, TokenLogin>();
	/** The last resort, for databases whose host does not name a region. */
	private sdkRegion: string | undefined;
	private readonly rate = new LoginRate(DSQL_LOGINS_PER_SECOND);
	/** Private to the language: an AWS identity may be among them. */
	readonly #options: IamCredentialsOptions;

	/** @throws OptionInvalidError when the package that signs is missing, or a user is named nowhere. */
	constructor(options: IamCredentialsOptions) {
		this.#options = options;
		const { config, source } = options;
		if (source.source === "dsql-iam") loadDsqlSigner();
		else loadRdsSigner();
		const { connection, username } = config.ssmLookups ?? {};
		const isUserNamed = [config.username, connection, username].some((place) => place !== undefined);
		if (source.source === "rds-iam" && !isUserNamed) throw refuseNamelessLogin();
	}

	close(): void {
		// Signing needs nothing that could be closed.
	}

	/** @throws OptionInvalidError when no user is named. */
	async fetch(_secretId?: string, _signal?: AbortSignal, given?: GivenLogin): Promise<TokenLogin> {
		const { config, source } = this.#options;
		const username = given?.username ?? config.username ?? (source.source === "dsql-iam" ? DSQL_ADMIN : undefined);
		if (username === undefined) throw refuseNamelessLogin();
		const login = this.logins.get(username) ?? this.createLogin(username);
		this.logins.set(username, login);
		// Only the SDK reads the shared configuration files, and not at once.
		if (this.findGivenRegion() === undefined) this.sdkRegion ??= await findSdkRegion();
		return login;
	}

	fetchVersion(): Promise<undefined> {
		return Promise.resolve(undefined);
	}

	renew(): void {
		forgetIdentity(this.#options.config.aws?.credentials);
	}

	private createLogin(username: string): TokenLogin {
		const { source } = this.#options;
		if (source.source === "rds-iam") return new TokenLogin("rds", username, (target) => this.bindRds(username, target));
		const { tokenDurationSecs } = source;
		return new TokenLogin("dsql", username, (target) => this.bindDsql(username, tokenDurationSecs, target));
	}

	private bindRds(username: string, { host, port }: TokenTarget): BoundLogin {
		return { host, sign: createRdsTokenProvider({ ...this.pickIdentity(), host, port, region: this.requireRegion(host), username }) };
	}

	private bindDsql(username: string, tokenDurationSecs: number | undefined, { host: hostOrId }: TokenTarget): BoundLogin {
		const region = this.requireRegion(hostOrId);
		const host = expandClusterId(hostOrId, region);
		const duration = tokenDurationSecs === undefined ? {} : { tokenDurationSecs };
		const sign = createDsqlTokenProvider({ ...this.pickIdentity(), ...duration, host, region, username });
		return {
			host,
			sign: async () => {
				await this.rate.waitForTurn();
				return sign();
			},
		};
	}

	private pickIdentity(): Pick<NonNullable<ITypeOrmAwsConnectorConfig["aws"]>, "credentials"> {
		const credentials = this.#options.config.aws?.credentials;
		return credentials === undefined ? {} : { credentials };
	}

	/** The region of databases whose host does not name one. */
	private findGivenRegion(): string | undefined {
		const { config, findRegion, source } = this.#options;
		return source.region ?? config.aws?.region ?? findRegion?.() ?? readEnvironmentRegion();
	}

	private requireRegion(host: string): string {
		const region = this.#options.source.region ?? findRegionInHost(host) ?? this.findGivenRegion() ?? this.sdkRegion;
		if (region !== undefined) return region;
		throw new ConfigurationError([new OptionInvalidError("credentials.region", `is needed, since host "${host}" does not name one`)]);
	}
}

function refuseNamelessLogin(): OptionInvalidError {
	return new OptionInvalidError("username", 'is needed with credentials.source "rds-iam": the database user that IAM lets log in');
}
