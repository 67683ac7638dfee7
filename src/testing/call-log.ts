/** What was asked of the endpoint, without the values of secrets. */
import { wallClockMs } from "../support/clock.js";
import type { FaultKind } from "./faults.js";

/** The services the endpoint speaks for, by the name that signs their requests. */
export type AwsServiceName = "secretsmanager" | "ssm";

/** The input of an operation as it came over the wire. */
export type AwsInput = Readonly<Record<string, unknown>>;

/** One request. */
export interface AwsCall {
	/** Who signed it. */
	readonly accessKeyId: string | undefined;
	/** The fault that was played on it, if any. */
	fault: FaultKind | undefined;
	/** Input with `SecretString`, `SecretBinary` and `Value` replaced by `***`. */
	readonly input: AwsInput;
	/** Such as `GetSecretValue`. */
	readonly operation: string;
	/** Milliseconds since 1970 at its arrival. */
	readonly receivedAt: number;
	/** Region it was signed for. */
	readonly region: string | undefined;
	readonly service: AwsServiceName;
	/** HTTP status of the answer; `undefined` while there is none, and for ever after `hang` and `reset`. */
	status: number | undefined;
}

const VALUE_FIELDS = ["SecretBinary", "SecretString", "Value"];

/**
 * The requests of one endpoint, in the order of their arrival.
 * @example
 * aws.calls.clear();
 * await rotator.rotateDatabaseConnection();
 * expect(aws.calls.count("GetSecretValue")).toBe(1);
 */
export class CallLog {
	private calls: AwsCall[] = [];

	/** Requests since the start or the last `clear()`. */
	get list(): readonly AwsCall[] {
		return this.calls;
	}

	/** How many requests there were: in all, or of one operation. */
	count(operation?: string): number {
		return operation === undefined ? this.calls.length : this.calls.filter((call) => call.operation === operation).length;
	}

	/** Forgets every request. */
	clear(): void {
		this.calls = [];
	}

	/** @internal Adds a request. The endpoint fills in status and fault later. */
	record(call: Omit<AwsCall, "fault" | "receivedAt" | "status">): AwsCall {
		const entry: AwsCall = { ...call, fault: undefined, input: redact(call.input), receivedAt: wallClockMs(), status: undefined };
		this.calls.push(entry);
		return entry;
	}
}

function redact(input: AwsInput): AwsInput {
	return Object.fromEntries(Object.entries(input).map(([key, value]) => [key, VALUE_FIELDS.includes(key) ? "***" : value]));
}
