/** What a lookup of one parameter costs among few and among many, against a search through an array. */
import type { Parameter } from "@aws-sdk/client-ssm";

import { ParameterStoreConfigService } from "../src/parameter-store/parameter-store-config.service.js";
import { compare, findMedian, measureSides, measureTimes } from "./sides.js";
import { formatDuration, formatRatio, type Result } from "./table.js";

const FEW = 20;
const MANY = 5_000;
/** Lookups of each set, at even distances: the same number for both, since it is the size of the set that is compared. */
const LOOKUP_COUNT = 20;
const CALL_COUNT = 10_000;
/** A search among many is so much slower that fewer do. */
const SLOW_CALL_COUNT = 400;
const ROUND_COUNT = 41;

const PROPERTIES = { application: "bench", environment: "local", instanceName: "main", namespace: "postgres" };

/** Runs the bench. */
export async function benchLookup(): Promise<Result> {
	const [few, many] = [FEW, MANY].map(createSet) as [ParameterSet, ParameterSet];
	const measured = await measureSides(
		{
			getFew: async () => measureEach(CALL_COUNT, few.get),
			getMany: async () => measureEach(CALL_COUNT, many.get),
			searchFew: async () => measureEach(CALL_COUNT, few.search),
			searchMany: async () => measureEach(SLOW_CALL_COUNT, many.search),
		},
		{ roundCount: ROUND_COUNT },
	);
	const describe = (side: keyof typeof measured, other: keyof typeof measured): string =>
		`${formatDuration(findMedian(measured[side]))} against ${formatDuration(findMedian(measured[other]))}`;
	return {
		explanation:
			"ParameterStoreConfigService.get() of parameters chosen in turn; the search builds the same path and goes through an array.",
		rows: [
			{
				note: describe("getMany", "getFew"),
				figure: formatRatio(compare(measured.getMany, measured.getFew)),
				what: `get among ${String(MANY)} ÷ get among ${String(FEW)}`,
			},
			{
				note: describe("searchMany", "searchFew"),
				figure: formatRatio(compare(measured.searchMany, measured.searchFew)),
				what: `search among ${String(MANY)} ÷ search among ${String(FEW)}`,
			},
			{
				note: describe("searchFew", "getFew"),
				figure: formatRatio(compare(measured.searchFew, measured.getFew)),
				what: `search ÷ get, both among ${String(FEW)}`,
			},
			{
				note: describe("searchMany", "getMany"),
				figure: formatRatio(compare(measured.searchMany, measured.getMany)),
				what: `search ÷ get, both among ${String(MANY)}`,
			},
		],
		title: "Lookup",
	};
}

interface ParameterSet {
	get(turn: number): string | null;
	search(turn: number): string | null;
}

function createSet(parameterCount: number): ParameterSet {
	const names = Array.from({ length: parameterCount }, (_, index) => `parameter-${String(index)}`);
	const parameters: Parameter[] = names.map((name) => ({
		Name: `/bench/local/postgres/main/group/${name}`,
		Type: "String",
		Value: name,
	}));
	const lookups = Array.from({ length: LOOKUP_COUNT }, (_, index) => {
		const name = names[Math.floor((index * parameterCount) / LOOKUP_COUNT)] as string;
		return { path: ["group", name] };
	});
	const service = new ParameterStoreConfigService(PROPERTIES, parameters);
	const choose = (turn: number): { path: string[] } => lookups[turn % LOOKUP_COUNT] as { path: string[] };
	return {
		get: (turn) => service.get(choose(turn)),
		search: (turn) => {
			const path = service.describePath(choose(turn));
			return parameters.find(({ Name }) => Name === path)?.Value ?? null;
		},
	};
}

/** Milliseconds of processor time for each call. */
async function measureEach(callCount: number, call: (turn: number) => string | null): Promise<number> {
	const { processorMs } = await measureTimes(() => {
		for (let turn = 0; turn < callCount; turn += 1) {
			if (call(turn) === null) throw new Error("A parameter was not found");
		}
	});
	return processorMs / callCount;
}
