/** `policy`: from a configuration to what IAM has to allow for it. */
import { chooseSource } from "../configuration/credentials-source.js";
import { findRegionFault } from "../aws/aws-partitions.js";
import { parseArnOf } from "../aws/parse-arn.js";
import { findRegionInHost } from "../aws/database-host.js";
import { listLookups } from "../resolution/list-lookups.js";
import { ALL_FIELDS, TARGET_FIELDS } from "../resolution/resolve-settings.js";
import { buildPolicy, DSQL_ADMIN, type Policy, type PolicyScope } from "./build-policy.js";
import { findAccount, readValue } from "./diagnosis.js";
import type { Session } from "./open-session.js";

/** The policy, or everything that is not known and has to be for it. */
export type PolicyAnswer = { readonly missing: readonly string[] } | { readonly policy: Policy };

/** Needs only what is in the policy: a wrong pool size is no obstacle. */
export function describePolicy(session: Session): PolicyAnswer {
	const missing = session.explanation.problems
		.filter(({ code }) => code === "ERR_CONNECTOR_LOOKUP_INVALID")
		.map(({ message }) => message);
	if (missing.length > 0) return { missing };
	const require = (value: string | undefined, what: string): string => {
		if (value === undefined) missing.push(what);
		return value ?? "";
	};
	const region = require(session.region, "The region is not known: add --region.");
	const account = require(session.options.account ?? findAccount(session), "The account is not known: add --account.");
	const login = describeLogin(session, region, require);
	const scope: PolicyScope = {
		account,
		...(login && { login }),
		parameters: { ...describeParameters(session), kmsKeyArn: session.options["parameter-kms-key"], region },
		secrets: describeSecrets(session, region, require),
	};
	missing.push(...findForeign(scope));
	return missing.length > 0 ? { missing } : { policy: buildPolicy(scope) };
}

/** Characters that stand for other names in a policy: any number of them, any one, a variable. */
const WILDCARD = /[*?$]/;

/** What would allow more than one connector needs, or something else. */
function findForeign({ login, parameters: { names, region, treePath }, secrets: { ids } }: PolicyScope): string[] {
	const user = login?.username ?? "";
	const resource = login === undefined ? "" : login.source === "rds-iam" ? login.resourceId : login.clusterId;
	return [
		...[...names, treePath ?? ""].filter((name) => WILDCARD.test(name)).map((name) => `The parameter "${name}" ${NO_WILDCARD}`),
		...ids
			.filter((id) => id.startsWith("arn:") && parseArnOf("secretsmanager", id)?.resource.startsWith("secret:") !== true)
			.map((id) => `The secret-id "${id}" is an ARN, but not of a secret.`),
		...(WILDCARD.test(ids.join()) ? [`A secret-id ${NO_WILDCARD}`] : []),
		...(WILDCARD.test(user) ? [`The username ${NO_WILDCARD}`] : []),
		...(WILDCARD.test(resource) ? [`The id of the database ${NO_WILDCARD}`] : []),
		...(findRegionFault(region) === undefined ? [] : ["The region is none: add --region."]),
	];
}

const NO_WILDCARD = 'holds "*", "?" or "$", which stand for other names in a policy.';

type Require = (value: string | undefined, what: string) => string;

/** By default the tree is read at start, and a rotation reads again what decides where a connection goes. */
function describeParameters({ config, explanation, survey }: Session): Pick<PolicyScope["parameters"], "names" | "treePath"> {
	const { treePath } = survey;
	const isRotating = explanation.fields.some(({ field, value }) => field === "rotationIsEnabled" && value === true);
	const listPaths = (names: readonly (typeof ALL_FIELDS)[number][]): string[] =>
		listLookups(config, names).flatMap((lookup) => (survey.canRead(lookup) ? survey.describePath(lookup) : []));
	const outside = listPaths(ALL_FIELDS).filter((path) => treePath === undefined || !path.startsWith(`${treePath}/`));
	const again = isRotating ? listPaths(TARGET_FIELDS) : [];
	return { names: [...new Set([...outside, ...again])].sort(), treePath };
}

function describeSecrets({ config, explanation, options, values }: Session, region: string, require: Require): PolicyScope["secrets"] {
	const rows = explanation.fields.filter(({ field, source }) => field.endsWith("secretId") && source !== "not-required");
	const ids = rows.map(({ field, label, path }) => {
		const value = values.get(field);
		return require(typeof value === "string"
			? value
			: undefined, `"${label}" is not known${path === undefined ? "" : `: create ${path}`}.`);
	});
	const labels = config.rotation?.shouldUsePendingSecret === false ? [] : ["AWSPENDING", "AWSPREVIOUS"];
	const ownRegion = ids.map((id) => parseArnOf("secretsmanager", id)?.region).find((found) => found !== undefined);
	return {
		ids,
		kmsKeyArn: options["secret-kms-key"],
		region: ownRegion ?? config.aws?.region ?? region,
		shouldWrite: options["allow-set"] === true,
		stages: ["AWSCURRENT", ...labels],
	};
}

function describeLogin(session: Session, fallback: string, require: Require): PolicyScope["login"] {
	const { config, options } = session;
	const source = chooseSource(config);
	if (source.source !== "rds-iam" && source.source !== "dsql-iam") return undefined;
	const given = readValue(session, "host");
	const host = require(typeof given === "string" ? given : undefined, 'The "host" is not known.');
	const region = source.region ?? findRegionInHost(host) ?? config.aws?.region ?? fallback;
	const username = session.logins.get("")?.username ?? (source.source === "dsql-iam" ? DSQL_ADMIN : "");
	if (source.source === "dsql-iam") return { clusterId: host.split(".")[0] ?? host, region, source: "dsql-iam", username };
	const resourceId = require(options[
		"resource-id"
	], "IAM names an RDS database by its resource id: add --resource-id db-… (Aurora: cluster-…), as aws rds describe-db-instances shows it.");
	return { region, resourceId, source: "rds-iam", username };
}
