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

/** What an event says. */
export interface SecretChange {
	/** Names and ARNs under which the event speaks of the secret. */
	readonly secretIds: readonly string[];
}

/**
 * Reads "Secret Label Updated" of Secrets Manager and "RotationSucceeded" of CloudTrail, as an object or as JSON text.
 * Either may be inside a notification of SNS: a topic is how an event gets to the queue of each instance.
 *
 * An event of another account or region than the one in its ARNs names nothing, and a name counts for the event's own
 * account and region only.
 * @returns `undefined` for any other event, for labels other than AWSCURRENT, for another source, and for what cannot
 * be read or is larger than an event.
 * @see
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
 * @see https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html
 */
export function readSecretChange(event: unknown): SecretChange | undefined {
	try {
		return readEnvelope(event);
	} catch {
		// A getter that throws, a proxy: nothing that AWS sends.
		return undefined;
	}
}

function readEnvelope(event: unknown): SecretChange | undefined {
	const received = toRecord(event);
	const envelope = received["Type"] === "Notification" ? toRecord(received["Message"]) : received;
	const { account, region, source = SOURCE } = envelope;
	const detail = toRecord(envelope["detail"]);
	const additional = toRecord(detail["additionalEventData"]);
	const label = detail["labelUpdated"];
	const isLabelUpdate = envelope["detail-type"] === "Secret Label Updated" && (label === undefined || label === CURRENT_STAGE);
	const isRotation = detail["eventName"] === "RotationSucceeded";
	if (source !== SOURCE || (!isLabelUpdate && !isRotation)) return undefined;
	const resources = Array.isArray(envelope["resources"]) ? (envelope["resources"] as unknown[]).slice(0, MAXIMUM_RESOURCE_COUNT) : [];
	const candidates = [detail["name"], detail["arn"], additional["SecretId"], ...resources];
	const ids = candidates.filter((candidate): candidate is string => typeof candidate === "string" && candidate !== "");
	return { secretIds: ids.flatMap((id) => placeSecret(id, account, region)) };
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
