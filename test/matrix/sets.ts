/** The sets of versions that belong together: each NestJS major with the TypeORM and the companion packages its users have. */

/** One consumer: what it installs besides the package itself. */
export interface VersionSet {
	/** Whether the application is bundled, too, and runs as one file. */
	readonly isBundled: boolean;
	/** Whether the application uses `@nestjs/config`, `@nestjs/schedule`, `@nestjs/terminus` and `@nestjs/typeorm`, or has none of them. */
	readonly hasOptionalPeers: boolean;
	readonly label: string;
	readonly versions: Readonly<Record<string, string>>;
}

interface Companions {
	readonly config: string;
	readonly schedule: string;
	readonly terminus: string;
	readonly typeorm: string;
}

const OLDEST_REFLECT_METADATA = "0.1.14";
const REFLECT_METADATA = "0.2.2";

/** Every set is installed and run; none is optional. */
export const VERSION_SETS: readonly VersionSet[] = [
	defineSet("8.4.7", "0.3.20", OLDEST_REFLECT_METADATA, { config: "3.3.0", schedule: "4.1.2", terminus: "8.1.1", typeorm: "10.0.2" }),
	defineSet("9.4.3", "0.3.31", OLDEST_REFLECT_METADATA, { config: "3.3.0", schedule: "4.1.2", terminus: "9.2.2", typeorm: "10.0.2" }),
	defineSet("10.4.22", "0.3.31", REFLECT_METADATA, { config: "4.0.4", schedule: "6.1.3", terminus: "11.1.1", typeorm: "11.0.3" }),
	{
		...defineSet("11.2.10", "1.0.0", REFLECT_METADATA, { config: "4.0.4", schedule: "6.1.3", terminus: "11.1.1", typeorm: "11.0.3" }),
		isBundled: true,
	},
	defineSet("12.5.1", "1.1.1", REFLECT_METADATA, { config: "12.0.1", schedule: "12.0.2", terminus: "12.1.0", typeorm: "12.0.2" }),
	defineSet("8.4.7", "0.3.20", OLDEST_REFLECT_METADATA),
	{ ...defineSet("12.5.1", "1.1.1", REFLECT_METADATA), isBundled: true },
];

const COMPANIONS: Readonly<Record<string, Companions>> = {
	"8.4.7": { config: "3.3.0", schedule: "4.1.2", terminus: "8.1.1", typeorm: "10.0.2" },
	"9.4.3": { config: "3.3.0", schedule: "4.1.2", terminus: "9.2.2", typeorm: "10.0.2" },
	"10.4.22": { config: "4.0.4", schedule: "6.1.3", terminus: "11.1.1", typeorm: "11.0.3" },
	"11.2.10": { config: "4.0.4", schedule: "6.1.3", terminus: "11.1.1", typeorm: "11.0.3" },
	"12.5.1": { config: "12.0.1", schedule: "12.0.2", terminus: "12.1.0", typeorm: "12.0.2" },
};
const TYPEORM_VERSIONS = ["0.3.20", "0.3.31", "1.0.0", "1.1.1"];

/** The other pairs of NestJS and TypeORM, with the optional packages where `@nestjs/typeorm` accepts that TypeORM. */
export const CROSS_SETS: readonly VersionSet[] = Object.entries(COMPANIONS)
	.flatMap(([nest, companions]) =>
		TYPEORM_VERSIONS.map((typeorm) => {
			const isAccepted = typeorm.startsWith("0.") || !companions.typeorm.startsWith("10.");
			const reflectMetadata = /^[89]\./.test(nest) ? OLDEST_REFLECT_METADATA : REFLECT_METADATA;
			return defineSet(nest, typeorm, reflectMetadata, isAccepted ? companions : undefined);
		}),
	)
	.filter(({ label }) => VERSION_SETS.every((set) => set.label !== label));

function defineSet(nest: string, typeorm: string, reflectMetadata: string, companions?: Companions): VersionSet {
	const optionalPeers = companions && {
		"@aws-sdk/dsql-signer": "3.1142.0",
		"@aws-sdk/rds-signer": "3.1169.0",
		"@nestjs/config": companions.config,
		"@nestjs/schedule": companions.schedule,
		"@nestjs/terminus": companions.terminus,
		"@nestjs/typeorm": companions.typeorm,
	};
	return {
		hasOptionalPeers: companions !== undefined,
		isBundled: false,
		label: `Nest ${nest}, TypeORM ${typeorm}, ${companions === undefined ? "none" : "all"} of the optional peers`,
		versions: {
			"@aws-sdk/client-secrets-manager": "3.1162.0",
			"@aws-sdk/client-ssm": "3.1169.0",
			"@nestjs/common": nest,
			"@nestjs/core": nest,
			"reflect-metadata": reflectMetadata,
			pg: "8.23.1",
			rxjs: "7.8.2",
			typeorm,
			...optionalPeers,
		},
	};
}
