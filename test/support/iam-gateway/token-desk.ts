/** The desk at which logins are judged, whatever protocol they come in: what a token has to say, who may log in, and how often that was tried. */
import { ACCOUNT, isAllowed, type PolicyDocument } from "../../../src/testing/permissions.js";
import { GatewayClock } from "./gateway-clock.js";
import { type AcceptedToken, checkToken, type SigningKey } from "./presigned-token.js";

/** What a gateway stands for. */
export interface TokenDeskOptions {
	/** The name that tokens are signed for, such as `shop.abc.eu-west-1.rds.amazonaws.com`. */
	readonly host: string;
	readonly keys: readonly SigningKey[];
	/** How long after its date a token is taken at most. Default: as long as it says itself. */
	readonly maximumTokenAgeMs?: number;
	/** The port that tokens of RDS are signed for. Default: the gateway's own. */
	readonly port?: number;
	readonly region: string;
	/** By which IAM names a database of RDS; a cluster of DSQL is named by the id in its host. */
	readonly resourceId?: string;
	/** RDS signs for host, port and user; DSQL for the host, with an action of its own for the user `admin`. */
	readonly service: "dsql" | "rds-db";
	/** The real passwords of those who may log in with a token. */
	readonly users: Readonly<Record<string, string>>;
}

/** A login that was let in. */
export interface TokenLogin extends AcceptedToken {
	readonly user: string;
}

/** A login that was turned away. */
export interface TokenRefusal {
	readonly reason: string;
	readonly user: string;
}

const ADMIN = "admin";

/** See above. */
export class TokenDesk {
	readonly clock = new GatewayClock();
	/** Actions that the policy denied, in order. */
	readonly denials: string[] = [];
	readonly logins: TokenLogin[] = [];
	readonly refusals: TokenRefusal[] = [];

	/** May be changed while the gateway runs. */
	maximumTokenAgeMs: number | undefined;

	private policy: PolicyDocument | undefined;

	constructor(private readonly options: TokenDeskOptions) {
		this.maximumTokenAgeMs = options.maximumTokenAgeMs;
	}

	/** From now on signers may do only what this policy allows; until then everything is allowed. */
	enforce(policy: PolicyDocument): void {
		this.policy = policy;
	}

	/** The real password of a user whose token is in order; `undefined` when it is not. Either is noted down. */
	judge(user: string, token: string, ownPort: number): string | undefined {
		const { host, keys, port = ownPort, region, service, users } = this.options;
		const isRds = service === "rds-db";
		try {
			const accepted = checkToken(token, keys, {
				actions: isRds ? ["connect"] : [user === ADMIN ? "DbConnectAdmin" : "DbConnect"],
				authority: isRds ? `${host}:${String(port)}` : host,
				nowMs: this.clock.nowMs,
				region,
				service,
				...(isRds ? { user } : {}),
				...(this.maximumTokenAgeMs === undefined ? {} : { maximumAgeMs: this.maximumTokenAgeMs }),
			});
			this.requirePermission(accepted.action, user);
			const password = Object.hasOwn(users, user) ? users[user] : undefined;
			if (password === undefined) throw new Error("no such user");
			this.logins.push({ ...accepted, user });
			return password;
		} catch (error) {
			this.refusals.push({ reason: (error as Error).message, user });
			return undefined;
		}
	}

	/** @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html */
	private requirePermission(tokenAction: string, user: string): void {
		const { host, region, resourceId = "", service } = this.options;
		const isRds = service === "rds-db";
		const resource = isRds ? `dbuser:${resourceId}/${user}` : `cluster/${host.split(".")[0] ?? host}`;
		const action = `${service}:${tokenAction}`;
		const needed = { action, context: {}, resource: `arn:aws:${service}:${region}:${ACCOUNT}:${resource}` };
		if (this.policy === undefined || isAllowed(this.policy, needed)) return;
		this.denials.push(action);
		throw new Error(`policy: ${action}`);
	}
}
