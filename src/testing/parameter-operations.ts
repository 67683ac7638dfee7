/** The operations of Parameter Store. */
import { createHash } from "node:crypto";
import { AwsServiceError } from "./aws-service-error.js";
import type { Operation, Operations } from "./operations.js";
import { type Parameter, type ParameterTable, type ParameterType, readSelector } from "./parameter-table.js";

interface GetParameterInput {
	readonly Name: string;
	readonly WithDecryption?: boolean;
}

interface GetParametersInput {
	readonly Names: readonly string[];
	readonly WithDecryption?: boolean;
}

interface GetParametersByPathInput {
	readonly MaxResults?: number;
	readonly NextToken?: string;
	readonly Path: string;
	readonly Recursive?: boolean;
	readonly WithDecryption?: boolean;
}

interface PutParameterInput {
	readonly KeyId?: string;
	readonly Name: string;
	readonly Overwrite?: boolean;
	readonly Type?: ParameterType;
	readonly Value: string;
}

interface PagePosition {
	readonly after: string;
	readonly emptyPageCount: number;
	readonly path: string;
}

const MAXIMUM_BATCH_SIZE = 10;
const MAXIMUM_VALUE_LENGTH = 4_096;

/** The operations of the service, answering from `table`. */
export function createParameterOperations(table: ParameterTable, region: string): Operations {
	const service = new ParameterService(table, region);
	return new Map<string, Operation>([
		["GetParameter", (input: GetParameterInput) => service.getParameter(input)],
		["GetParameters", (input: GetParametersInput) => service.getParameters(input)],
		["GetParametersByPath", (input: GetParametersByPathInput) => service.getParametersByPath(input)],
		["PutParameter", (input: PutParameterInput) => service.putParameter(input)],
	]);
}

class ParameterService {
	constructor(
		private readonly table: ParameterTable,
		private readonly region: string,
	) {}

	getParameter({ Name, WithDecryption }: GetParameterInput): object {
		const parameter = this.table.find(Name);
		if (parameter === undefined) throw new AwsServiceError("ParameterNotFound", "");
		return { Parameter: this.present(parameter, WithDecryption, readSelector(Name)) };
	}

	getParameters({ Names, WithDecryption }: GetParametersInput): object {
		rejectOutside("names", Names.length);
		const found = Names.flatMap((asked) => {
			const parameter = this.table.find(asked);
			return parameter === undefined ? [] : [{ parameter, selector: readSelector(asked) }];
		});
		// By name and not as asked: the service promises no order, so no test may rely on one.
		found.sort((left, right) => (left.parameter.name < right.parameter.name ? -1 : 1));
		return {
			InvalidParameters: Names.filter((name) => this.table.find(name) === undefined),
			Parameters: found.map(({ parameter, selector }) => this.present(parameter, WithDecryption, selector)),
		};
	}

	getParametersByPath({
		MaxResults = MAXIMUM_BATCH_SIZE,
		NextToken,
		Path,
		Recursive = false,
		WithDecryption,
	}: GetParametersByPathInput): object {
		rejectOutside("maxResults", MaxResults);
		if (!Path.startsWith("/"))
			throw new AwsServiceError(
				"ValidationException",
				'The parameter doesn\'t meet the parameter name requirements: it must begin with "/".',
			);

		const position =
			NextToken === undefined ? { after: "", emptyPageCount: this.table.emptyPageCount, path: Path } : decodeToken(NextToken, Path);
		if (position.emptyPageCount > 0)
			return { NextToken: encodeToken({ ...position, emptyPageCount: position.emptyPageCount - 1 }), Parameters: [] };

		const rest = this.table.listBelow(Path, Recursive).filter(({ name }) => name > position.after);
		const page = rest.slice(0, MaxResults);
		const last = page.at(-1);
		return {
			Parameters: page.map((parameter) => this.present(parameter, WithDecryption)),
			...(last !== undefined && rest.length > page.length ? { NextToken: encodeToken({ ...position, after: last.name }) } : {}),
		};
	}

	putParameter({ KeyId, Name, Overwrite = false, Type, Value }: PutParameterInput): object {
		const former = this.table.find(Name);
		if (former !== undefined && !Overwrite)
			throw new AwsServiceError(
				"ParameterAlreadyExists",
				"The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
			);
		const type = Type ?? former?.type;
		if (type === undefined)
			throw new AwsServiceError("ValidationException", "A parameter type is required when you create a parameter.");
		if (Value.length === 0 || Value.length > MAXIMUM_VALUE_LENGTH)
			throw new AwsServiceError("ValidationException", `A value has 1 to ${String(MAXIMUM_VALUE_LENGTH)} characters.`);
		return { Tier: "Standard", Version: this.table.put(Name, Value, type, KeyId) };
	}

	/** @param selector the version or label that was asked for, which is not part of the name. */
	private present({ arn, lastModifiedAt, name, type, value, version }: Parameter, isDecrypted = false, selector?: string): object {
		return {
			ARN: arn ?? `arn:aws:ssm:${this.region}:123456789012:parameter${name.startsWith("/") ? "" : "/"}${name}`,
			DataType: "text",
			LastModifiedDate: lastModifiedAt / 1_000,
			Name: arn ?? name,
			...(selector === undefined ? {} : { Selector: `:${selector}` }),
			Type: type,
			Value: type === "SecureString" && !isDecrypted ? encrypt(value) : value,
			Version: version,
		};
	}
}

function rejectOutside(field: string, count: number): void {
	if (count >= 1 && count <= MAXIMUM_BATCH_SIZE) return;
	throw new AwsServiceError(
		"ValidationException",
		`1 validation error detected: Value at '${field}' failed to satisfy constraint: between 1 and ${String(MAXIMUM_BATCH_SIZE)}`,
	);
}

function encodeToken(position: PagePosition): string {
	return Buffer.from(JSON.stringify(position)).toString("base64url");
}

function decodeToken(token: string, path: string): PagePosition {
	try {
		const position = JSON.parse(Buffer.from(token, "base64url").toString()) as PagePosition;
		if (position.path === path) return position;
	} catch {
		// Answered below, together with the token of another path.
	}
	throw new AwsServiceError("InvalidNextToken", "The specified token isn't valid.");
}

/** Stands for a ciphertext: it tells nothing of the value, and is the same for the same value. */
function encrypt(value: string): string {
	return `AQICAH${createHash("sha256").update(value).digest("base64")}`;
}
