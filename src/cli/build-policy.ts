/**
 * The IAM policy that allows exactly what one connector does: each operation by its own action, on its own resource.
 */

import { findPartition } from "../aws/aws-partitions.js";
import { parseParameterName } from "../aws/parameter-name.js";
import { parseArnOf } from "../aws/parse-arn.js";

/** One statement. */
export interface PolicyStatement {
	readonly Action: string | readonly string[];
	readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
	readonly Effect: "Allow";
	readonly Resource: string | readonly string[];
	readonly Sid: string;
}

/** A policy document. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html */
export interface Policy {
	readonly Statement: readonly PolicyStatement[];
	readonly Version: "2012-10-17";
}

/** What a connector does. */
export interface PolicyScope {
	/** Twelve digits. */
	readonly account: string;
	/** The user that IAM lets log in, and to what. */
	readonly login?:
		| { readonly clusterId: string; readonly region: string; readonly source: "dsql-iam"; readonly username: string }
		| { readonly region: string; readonly resourceId: string; readonly source: "rds-iam"; readonly username: string };
	readonly parameters: {
		/** Key of SecureStrings, where it is not the account's default and they are decrypted. */
		readonly kmsKeyArn?: string | undefined;
		/** Full names of those that are asked for by name. */
		readonly names: readonly string[];
		readonly region: string;
		/** What the whole tree is read below, without a slash at its end. */
		readonly treePath?: string | undefined;
	};
	readonly secrets: {
		/** Names or ARNs. */
		readonly ids: readonly string[];
		/** Key of the secrets, where it is not the account's default. */
		readonly kmsKeyArn?: string | undefined;
		readonly region: string;
		/** Whether `set` of the SecretsManagerService is used. */
		readonly shouldWrite: boolean;
		/** Labels of the versions that are read. */
		readonly stages: readonly string[];
	};
}

/** The user of Aurora DSQL who has an action of his own. */
export const DSQL_ADMIN = "admin";

/** The statements that the scope needs, and no other. */
export function buildPolicy(scope: PolicyScope): Policy {
	return { Version: "2012-10-17", Statement: [...allowParameters(scope), ...allowSecrets(scope), ...allowLogin(scope)] };
}

function allowParameters({ account, parameters: { kmsKeyArn, names, region, treePath } }: PolicyScope): PolicyStatement[] {
	const arns = names.map((name) => describeParameter(name, region, account));
	const tree = treePath === undefined ? [] : [describeParameter(treePath, region, account)];
	const regions = [...tree.map(() => region), ...names.map((name) => parseParameterName(name).region ?? region)];
	const decrypted = [...arns, ...tree.map((arn) => `${arn}/*`)];
	return [
		...(tree.length === 0 ? [] : [allow("LoadParameterTree", "ssm:GetParametersByPath", tree)]),
		...(arns.length === 0 ? [] : [allow("ReadParameters", "ssm:GetParameters", arns)]),
		...(kmsKeyArn === undefined || decrypted.length === 0
			? []
			: [
					allow("DecryptParameters", "kms:Decrypt", [kmsKeyArn], {
						StringEquals: { "kms:ViaService": unwrap(regions.map((each) => describeService("ssm", each))) },
						StringLike: { "kms:EncryptionContext:PARAMETER_ARN": unwrap(decrypted) },
					}),
				]),
	];
}

function allowSecrets({ account, secrets: { ids, kmsKeyArn, region, shouldWrite, stages } }: PolicyScope): PolicyStatement[] {
	if (ids.length === 0) return [];
	const arns = ids.flatMap((id) => describeSecret(id, region, account));
	const regions = ids.map((id) => parseArnOf("secretsmanager", id)?.region ?? region);
	const service = { StringEquals: { "kms:ViaService": unwrap(regions.map((each) => describeService("secretsmanager", each))) } };
	const context = { StringLike: { "kms:EncryptionContext:SecretARN": unwrap(arns) } };
	const keys = kmsKeyArn === undefined ? [] : [kmsKeyArn];
	return [
		allow("ReadSecret", "secretsmanager:GetSecretValue", arns, { StringEquals: { "secretsmanager:VersionStage": unwrap(stages) } }),
		...keys.map((key) => allow("DecryptSecret", "kms:Decrypt", [key], { ...service, ...context })),
		...(shouldWrite ? [allow("WriteSecret", "secretsmanager:PutSecretValue", arns)] : []),
		...(shouldWrite ? keys.map((key) => allow("EncryptSecret", "kms:GenerateDataKey", [key], { ...service, ...context })) : []),
	];
}

function allowLogin({ account, login }: PolicyScope): PolicyStatement[] {
	if (login === undefined) return [];
	const { region, username } = login;
	if (login.source === "rds-iam") {
		const user = `${describePartition(region)}:rds-db:${region}:${account}:dbuser:${login.resourceId}/${username}`;
		return [allow("LogInToRds", "rds-db:connect", [user])];
	}
	const action = username === DSQL_ADMIN ? "dsql:DbConnectAdmin" : "dsql:DbConnect";
	return [allow("LogInToDsql", action, [`${describePartition(region)}:dsql:${region}:${account}:cluster/${login.clusterId}`])];
}

function allow(sid: string, action: string, resources: readonly string[], condition?: PolicyStatement["Condition"]): PolicyStatement {
	return { Action: action, ...(condition && { Condition: condition }), Effect: "Allow", Resource: unwrap(resources), Sid: sid };
}

/** A parameter that another account shares is named by its ARN. A version or a label is no part of the resource. */
function describeParameter(name: string, ownRegion: string, ownAccount: string): string {
	const { account = ownAccount, partition, path, region = ownRegion } = parseParameterName(name);
	const slash = path.startsWith("/") ? "" : "/";
	return `arn:${partition ?? findPartition(region).id}:ssm:${region}:${account}:parameter${slash}${path}`;
}

/**
 * Secrets Manager appends a hyphen and six characters to the name; only a whole ARN has them. A name may end like that:
 * where the six have no capital, as of `shop-worker` or `shop-db2024`, both are meant.
 */
function describeSecret(id: string, region: string, account: string): readonly string[] {
	if (!id.startsWith("arn:")) return [`${describePartition(region)}:secretsmanager:${region}:${account}:secret:${id}-??????`];
	if (!/-[A-Za-z0-9]{6}$/.test(id)) return [`${id}-??????`];
	return /-[a-z0-9]{6}$/.test(id) ? [id, `${id}-??????`] : [id];
}

function describeService(service: string, region: string): string {
	return `${service}.${region}.${findPartition(region).dnsSuffix}`;
}

function describePartition(region: string): string {
	return `arn:${findPartition(region).id}`;
}

function unwrap(values: readonly string[]): string | readonly string[] {
	const [first = "", ...others] = new Set(values);
	return others.length === 0 ? first : [first, ...others];
}
