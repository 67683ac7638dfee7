/** The faults the endpoint can play, and on which requests. */
import { AwsServiceError } from "./aws-service-error.js";
import type { AwsInput, AwsServiceName } from "./call-log.js";

/**
 * - `latency`: the true answer, late
 * - `throttle`, `server-error`, `denied`, `decryption-failure`, `expired-token`, `not-found`: the service's own error
 * - `custom-error`: the error named in `errorName`
 * - `html-error`: 503 with a page of HTML, as a proxy on the way answers
 * - `malformed-body`: 200 with the first half of the true answer
 * - `stall-body`: the same, but the rest is promised and never comes
 * - `hang`: no answer at all
 * - `reset`: the connection is cut with a RST
 */
export type FaultKind =
	| "custom-error"
	| "decryption-failure"
	| "denied"
	| "expired-token"
	| "hang"
	| "html-error"
	| "latency"
	| "malformed-body"
	| "not-found"
	| "reset"
	| "server-error"
	| "stall-body"
	| "throttle";

/** What goes wrong, and where. Without `operation`, `service` and `when` it concerns every request. */
export interface Fault {
	/** For `custom-error`: its message. Default: a sentence that says it was injected. */
	readonly errorMessage?: string;
	/** For `custom-error`: its name, such as `InvalidRequestException`. */
	readonly errorName?: string;
	readonly kind: FaultKind;
	/** Wait before the fault (or, for `latency`, before the true answer). Default 0. */
	readonly latencyMs?: number;
	/** Only this operation. */
	readonly operation?: string;
	/** Only this service. */
	readonly service?: AwsServiceName;
	/** For `custom-error`: its HTTP status. Default 400. */
	readonly statusCode?: number;
	/** How often. Default: until it is cleared. */
	readonly times?: number;
	/** Only requests with such an input. */
	readonly when?: (input: AwsInput) => boolean;
}

/** An injected fault. */
export interface FaultHandle {
	/** On how many requests it was played. */
	readonly hitCount: number;
	/** Ends it. Requests that hang already go on hanging. */
	clear(): void;
}

interface ActiveFault {
	readonly fault: Fault;
	hitCount: number;
}

/**
 * The faults of one endpoint. On each request the one injected first of those that concern it is played.
 * @example
 * aws.faults.inject({ kind: "throttle", operation: "GetSecretValue", times: 2 });
 * aws.faults.inject({ kind: "denied", when: (input) => input["VersionStage"] === "AWSPENDING" });
 */
export class FaultBox {
	private active: ActiveFault[] = [];

	/** Starts a fault. */
	inject(fault: Fault): FaultHandle {
		const entry: ActiveFault = { fault, hitCount: 0 };
		this.active.push(entry);
		return {
			clear: () => this.remove(entry),
			get hitCount() {
				return entry.hitCount;
			},
		};
	}

	/** Ends every fault. */
	clear(): void {
		this.active = [];
	}

	/** @internal The fault to play on this request; counts as one of its `times`. */
	take(service: AwsServiceName, operation: string, input: AwsInput): Fault | undefined {
		const entry = this.active.find(
			({ fault }) =>
				(fault.service ?? service) === service &&
				(fault.operation ?? operation) === operation &&
				(fault.when === undefined || fault.when(input)),
		);
		if (entry === undefined) return undefined;
		entry.hitCount += 1;
		if (entry.hitCount === entry.fault.times) this.remove(entry);
		return entry.fault;
	}

	private remove(entry: ActiveFault): void {
		this.active = this.active.filter((candidate) => candidate !== entry);
	}
}

/** The service's own error for a fault; `undefined` for faults that are not one. */
export function toServiceError(fault: Fault, service: AwsServiceName, operation: string): AwsServiceError | undefined {
	const isSsm = service === "ssm";
	switch (fault.kind) {
		case "custom-error":
			return new AwsServiceError(fault.errorName ?? "UnknownError", fault.errorMessage ?? "Injected by a test.", fault.statusCode);
		case "decryption-failure":
			return isSsm
				? new AwsServiceError("InvalidKeyId", "The key that protects the parameter cannot be used.")
				: new AwsServiceError(
						"DecryptionFailure",
						"Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
					);
		case "denied":
			return new AwsServiceError(
				"AccessDeniedException",
				`User: arn:aws:iam::123456789012:user/test is not authorized to perform: ${service}:${operation}`,
			);
		case "expired-token":
			return new AwsServiceError("ExpiredTokenException", "The security token included in the request is expired");
		case "not-found":
			return isSsm
				? new AwsServiceError("ParameterNotFound", "")
				: new AwsServiceError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
		case "server-error":
			return new AwsServiceError(isSsm ? "InternalServerError" : "InternalServiceError", "An internal error occurred.", 500);
		case "throttle":
			return new AwsServiceError("ThrottlingException", "Rate exceeded");
		default:
			return undefined;
	}
}

/** What an operation on several parameters answers when none of them exists: for those it is not an error. */
export function toEmptyAnswer(fault: Fault, operation: string, input: AwsInput): object | undefined {
	if (fault.kind !== "not-found") return undefined;
	if (operation === "GetParameters") return { InvalidParameters: input["Names"], Parameters: [] };
	return operation === "GetParametersByPath" ? { Parameters: [] } : undefined;
}
