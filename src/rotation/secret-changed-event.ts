/** From an EventBridge event to the question whether it is about our secret. */

/** The label of the version that applications use; a move of any other changes nothing for them. */
const CURRENT_STAGE = "AWSCURRENT";

/** What an event says. */
export interface SecretChange {
	/** Names and ARNs under which the event speaks of the secret. */
	readonly secretIds: readonly string[];
}

/**
 * Reads "Secret Label Updated" of Secrets Manager and "RotationSucceeded" of CloudTrail, as an object or as JSON text. Either may be inside a notification
 * of SNS: a topic is how an event gets to the queue of each instance.
 * @returns `undefined` for any other event, and for labels other than AWSCURRENT.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
 * @see https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html
 */
export function readSecretChange(event: unknown): SecretChange | undefined {
	const received = toRecord(event);
	const envelope = received["Type"] === "Notification" ? toRecord(received["Message"]) : received;
	const detail = toRecord(envelope["detail"]);
	const additional = toRecord(detail["additionalEventData"]);
	const label = detail["labelUpdated"];
	const isLabelUpdate = envelope["detail-type"] === "Secret Label Updated" && (label === undefined || label === CURRENT_STAGE);
	const isRotation = detail["eventName"] === "RotationSucceeded";
	if (!isLabelUpdate && !isRotation) return undefined;
	const resources = Array.isArray(envelope["resources"]) ? (envelope["resources"] as unknown[]) : [];
	const candidates = [detail["name"], detail["arn"], additional["SecretId"], ...resources];
	return { secretIds: candidates.filter((candidate): candidate is string => typeof candidate === "string" && candidate !== "") };
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
	try {
		return JSON.parse(text) as unknown;
	} catch {
		return undefined;
	}
}

function isArn(id: string): boolean {
	return id.startsWith("arn:");
}

/** Secrets Manager appends a hyphen and six characters to the name in an ARN. Both forms are in use, and a name may end like a suffix. */
function listForms(id: string, isArnPair: boolean): string[] {
	if (!isArn(id)) return [id];
	const arns = [id, id.replace(/-[A-Za-z0-9]{6}$/, "")];
	return isArnPair ? arns : arns.map(readName);
}

function readName(arn: string): string {
	return arn.split(":").slice(6).join(":");
}
