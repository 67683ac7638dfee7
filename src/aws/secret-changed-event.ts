/** From an EventBridge event to the question whether it is about our secret. */

import { findPartition } from "./aws-partitions.js";
import { parseArn } from "./parse-arn.js";

/** The label of the version that applications use; a move of any other changes nothing for them. */
const CURRENT_STAGE = "AWSCURRENT";

/** Who sends it. */
const SOURCE = "aws.secretsmanager";

/** EventBridge takes no more than 256 KB. */
const MAXIMUM_TEXT_LENGTH = 262_144;
const MAXIMUM_RESOURCE_COUNT = 100;
/** SQS hands a function 10,000 at most. */
const MAXIMUM_RECORD_COUNT = 10_000;

/** What an event says. */
export interface SecretChange {
	/** Names and ARNs under which the event speaks of the secret. */
	readonly secretIds: readonly string[];
}

/** Calls of Secrets Manager that may give AWSCURRENT another value, as CloudTrail names them. */
const CHANGING_CALLS = new Set(["PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage"]);

/**
 * Reads what EventBridge says of a secret: "Secret Label Updated" of Secrets Manager, "RotationSucceeded" and the calls
 * PutSecretValue, UpdateSecret and UpdateSecretVersionStage of CloudTrail. The event is an object or its JSON text; it
 * may be inside a notification of SNS, and in the `Records` that a Lambda function gets from SQS or SNS.
 *
 * An event of another account or region than the one in its ARNs names nothing, and a name counts for the event's own
 * account and region only.
 * @returns `undefined` for any other event, for labels other than AWSCURRENT, for another source, for a call that
 * failed, and for what cannot be read or is larger than an event.
 * @see
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
 * @see https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html
 * @see https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
 */
export function readSecretChange(event: unknown): SecretChange | undefined {
	try {
		const changes = unpack(toRecord(event)).flatMap((envelope) => readEvent(envelope) ?? []);
		return changes.length === 0 ? undefined : { secretIds: changes.flatMap(({ secretIds }) => secretIds) };
	} catch {
		// A getter that throws, a proxy: nothing that AWS sends.
		return undefined;
	}
}

/** The events in what a queue, a topic or a function hands on. */
function unpack(received: Record<string, unknown>): Record<string, unknown>[] {
	const { Records: records } = received;
	if (!Array.isArray(records)) return [openNotification(received)];
	return (records as unknown[]).slice(0, MAXIMUM_RECORD_COUNT).map((record) => {
		const { body, Sns: notification } = toRecord(record);
		return notification === undefined ? openNotification(toRecord(body)) : toRecord(toRecord(notification)["Message"]);
	});
}

function openNotification(received: Record<string, unknown>): Record<string, unknown> {
	return received["Type"] === "Notification" ? toRecord(received["Message"]) : received;
}

function readEvent(envelope: Record<string, unknown>): SecretChange | undefined {
	const { account, region, source = SOURCE } = envelope;
	const detail = toRecord(envelope["detail"]);
	const additional = toRecord(detail["additionalEventData"]);
	const [request, response] = [toRecord(detail["requestParameters"]), toRecord(detail["responseElements"])];
	const label = detail["labelUpdated"];
	const isLabelUpdate = envelope["detail-type"] === "Secret Label Updated" && (label === undefined || label === CURRENT_STAGE);
	const isRotation = detail["eventName"] === "RotationSucceeded";
	if (source !== SOURCE || (!isLabelUpdate && !isRotation && !isChangingCall(detail, request))) return undefined;
	const resources = Array.isArray(envelope["resources"]) ? (envelope["resources"] as unknown[]).slice(0, MAXIMUM_RESOURCE_COUNT) : [];
	const candidates = [
		detail["name"],
		detail["arn"],
		additional["SecretId"],
		request["secretId"],
		response["arn"],
		response["aRN"],
		...resources,
	];
	const ids = candidates.filter((candidate): candidate is string => typeof candidate === "string" && candidate !== "");
	return { secretIds: ids.flatMap((id) => placeSecret(id, account, region)) };
}

/** A call that succeeded and may concern AWSCURRENT; PutSecretValue moves that label unless it names others. */
function isChangingCall(detail: Record<string, unknown>, { versionStage, versionStages }: Record<string, unknown>): boolean {
	const { errorCode, eventName } = detail;
	if (typeof eventName !== "string" || !CHANGING_CALLS.has(eventName) || errorCode !== undefined) return false;
	if (eventName === "UpdateSecretVersionStage") return versionStage === CURRENT_STAGE;
	return !Array.isArray(versionStages) || versionStages.includes(CURRENT_STAGE);
}

/**
 * The id as it counts: an ARN of the event's own account and region; a name as the ARN without its suffix, where the
 * event says whose it is.
 */
function placeSecret(id: string, account: unknown, region: unknown): string[] {
	const arn = parseArn(id);
	if (arn !== undefined) {
		const isOwn = (given: unknown, own: string): boolean => given === undefined || given === own;
		return isOwn(account, arn.account) && isOwn(region, arn.region) ? [id] : [];
	}
	if (typeof account !== "string" || typeof region !== "string") return [id];
	return [`arn:${findPartition(region).id}:secretsmanager:${region}:${account}:secret:${id}`];
}

/** Whether two ids, each a name or an ARN, mean one secret. */
export function isSameSecret(left: string, right: string): boolean {
	const isArnPair = isArn(left) && isArn(right);
	const rightForms = listForms(right, isArnPair);
	return listForms(left, isArnPair).some((form) => rightForms.includes(form));
}

/** An object, or the one that a JSON text stands for; empty for anything else. */
function toRecord(given: unknown): Record<string, unknown> {
	const value = typeof given === "string" ? parse(given) : given;
	return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function parse(text: string): unknown {
	if (text.length > MAXIMUM_TEXT_LENGTH) return undefined;
	try {
		return JSON.parse(text) as unknown;
	} catch {
		return undefined;
	}
}

function isArn(id: string): boolean {
	return id.startsWith("arn:");
}

/**
 * Secrets Manager appends a hyphen and six characters to the name in an ARN. Both forms are in use, and a name may end
 * like a suffix.
 */
function listForms(id: string, isArnPair: boolean): string[] {
	if (!isArn(id)) return [id];
	const arns = [id, id.replace(/-[A-Za-z0-9]{6}$/, "")];
	return isArnPair ? arns : arns.map(readName);
}

function readName(arn: string): string {
	return arn.split(":").slice(6).join(":");
}
