/** Logins to RDS and Aurora DSQL with the AWS identity instead of a password. */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import type { IDsqlIamCredentialsSource, IRdsIamCredentialsSource } from "../configuration/credentials.options.js";
import { ConfigurationError, OptionInvalidError } from "../errors/errors.js";
import { forgetIdentity } from "../secrets/aws-identity-cache.js";
import type { CredentialsProvider } from "./credentials-provider.js";
import { expandClusterId, findRegionInHost } from "../aws/database-host.js";
import { createDsqlTokenProvider, DSQL_ADMIN } from "./dsql-token.js";
import { LoginRate } from "./login-rate.js";
import { createRdsTokenProvider } from "./rds-token.js";
import { type BoundLogin, TokenLogin, type TokenTarget } from "./token-login.js";
import { loadDsqlSigner, loadRdsSigner } from "./token-signer.js";

/** Aurora DSQL takes this many for each cluster. @see https://docs.aws.amazon.com/aurora-dsql/latest/userguide/CHAP_quotas.html */
const DSQL_LOGINS_PER_SECOND = 100;

/** What tokens are made from. */
export interface IamCredentialsOptions {
	readonly config: Pick<ITypeOrmAwsConnectorConfig, "aws" | "username">;
	/** Asked for a region when neither the options nor the host name one. */
	readonly findRegion?: (() => string | undefined) | undefined;
	readonly source: IDsqlIamCredentialsSource | IRdsIamCredentialsSource;
}

/** Always the same login; the tokens differ. */
export class IamCredentials implements CredentialsProvider {
	private readonly login: TokenLogin;
	/** Private to the language: an AWS identity may be among them. */
	readonly #options: IamCredentialsOptions;

	/** @throws OptionInvalidError when the package that signs is missing, or no user is named. */
	constructor(options: IamCredentialsOptions) {
		this.#options = options;
		const { config, source } = options;
		if (source.source === "rds-iam") {
			loadRdsSigner();
			if (config.username === undefined) {
				throw new OptionInvalidError(
					"username",
					'is needed with credentials.source "rds-iam": the database user that IAM lets log in',
				);
			}
			const { username } = config;
			this.login = new TokenLogin("rds", username, (target) => this.bindRds(username, target));
		} else {
			loadDsqlSigner();
			const { username = DSQL_ADMIN } = config;
			const { tokenDurationSecs } = source;
			const rate = new LoginRate(DSQL_LOGINS_PER_SECOND);
			this.login = new TokenLogin("dsql", username, (target) => this.bindDsql(username, tokenDurationSecs, rate, target));
		}
	}

	close(): void {
		// Signing needs nothing that could be closed.
	}

	fetch(): Promise<TokenLogin> {
		return Promise.resolve(this.login);
	}

	fetchLabelled(): Promise<undefined> {
		return Promise.resolve(undefined);
	}

	renew(): void {
		forgetIdentity(this.#options.config.aws?.credentials);
	}

	private bindRds(username: string, { host, port }: TokenTarget): BoundLogin {
		return { host, sign: createRdsTokenProvider({ ...this.pickIdentity(), host, port, region: this.requireRegion(host), username }) };
	}

	private bindDsql(
		username: string,
		tokenDurationSecs: number | undefined,
		rate: LoginRate,
		{ host: hostOrId }: TokenTarget,
	): BoundLogin {
		const region = this.requireRegion(hostOrId);
		const host = expandClusterId(hostOrId, region);
		const duration = tokenDurationSecs === undefined ? {} : { tokenDurationSecs };
		const sign = createDsqlTokenProvider({ ...this.pickIdentity(), ...duration, host, region, username });
		return {
			host,
			sign: async () => {
				await rate.takeTurn();
				return sign();
			},
		};
	}

	private pickIdentity(): Pick<NonNullable<ITypeOrmAwsConnectorConfig["aws"]>, "credentials"> {
		const credentials = this.#options.config.aws?.credentials;
		return credentials === undefined ? {} : { credentials };
	}

	private requireRegion(host: string): string {
		const { config, findRegion, source } = this.#options;
		const region = source.region ?? findRegionInHost(host) ?? config.aws?.region ?? findRegion?.();
		if (region !== undefined) return region;
		throw new ConfigurationError([new OptionInvalidError("credentials.region", `is needed, since host "${host}" does not name one`)]);
	}
}
