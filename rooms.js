/** The table of rooms under src/: which other rooms each may import, and which guarded packages it may load. ESLint and `npm run rooms` read it. */

/**
 * In the order of the data. A room may name only rooms above it, so no cycle can be declared.
 * `mayLoad` lists the guarded packages that the room may import as values; `import type` of any package is free.
 */
const ROOMS = {
	errors: { mayImport: [], mayLoad: [] },
	support: { mayImport: ["errors"], mayLoad: [] },
	events: { mayImport: ["errors", "support"], mayLoad: [] },
	aws: { mayImport: ["errors", "support"], mayLoad: [] },
	drivers: { mayImport: ["errors", "support"], mayLoad: [] },
	acquire: { mayImport: ["errors", "events", "support", "drivers"], mayLoad: [] },
	"parameter-store": { mayImport: ["errors", "events", "support", "aws"], mayLoad: ["@aws-sdk/client-ssm"] },
	configuration: { mayImport: ["errors", "support", "aws", "parameter-store"], mayLoad: [] },
	tls: { mayImport: ["errors", "support", "aws", "configuration"], mayLoad: [] },
	resolution: { mayImport: ["errors", "support", "aws", "parameter-store", "configuration"], mayLoad: [] },
	secrets: { mayImport: ["errors", "events", "support", "aws", "configuration"], mayLoad: ["@aws-sdk/client-secrets-manager"] },
	credentials: { mayImport: ["errors", "events", "support", "aws", "configuration", "secrets"], mayLoad: [] },
	connector: {
		mayImport: [
			"errors",
			"events",
			"support",
			"aws",
			"drivers",
			"acquire",
			"parameter-store",
			"configuration",
			"tls",
			"resolution",
			"credentials",
		],
		mayLoad: ["typeorm"],
	},
	rotation: { mayImport: ["errors", "events", "support", "aws", "drivers", "acquire", "configuration", "connector"], mayLoad: [] },
	standalone: {
		mayImport: ["errors", "support", "parameter-store", "configuration", "connector", "rotation"],
		mayLoad: ["typeorm"],
	},
	module: {
		mayImport: [
			"errors",
			"events",
			"support",
			"aws",
			"parameter-store",
			"configuration",
			"resolution",
			"secrets",
			"credentials",
			"connector",
			"rotation",
		],
		mayLoad: ["typeorm"],
	},
	health: { mayImport: ["errors", "support", "rotation"], mayLoad: [] },
	telemetry: { mayImport: ["errors", "support", "events", "drivers", "rotation"], mayLoad: [] },
	testing: {
		mayImport: ["errors", "support", "aws", "configuration", "parameter-store", "secrets", "connector", "module"],
		mayLoad: [],
	},
	cli: {
		mayImport: [
			"errors",
			"support",
			"aws",
			"parameter-store",
			"configuration",
			"tls",
			"resolution",
			"credentials",
			"connector",
			"testing",
		],
		mayLoad: ["@aws-sdk/client-secrets-manager", "@aws-sdk/client-ssm", "typeorm"],
	},
};

/** Packages that no room may import as a value unless its row says so. Optional peers are in no row: a static import of a missing package breaks the load. */
const GUARDED_PACKAGES = [
	"@aws-sdk/client-secrets-manager",
	"@aws-sdk/client-ssm",
	"@aws-sdk/dsql-signer",
	"@aws-sdk/rds-signer",
	"@nestjs/config",
	"@nestjs/schedule",
	"@nestjs/terminus",
	"@nestjs/typeorm",
	"@opentelemetry/api",
	"mysql2",
	"pg",
	"typeorm",
];

/**
 * Throws when a row names a room that is not above it, or a package that is not guarded.
 * @param {Record<string, { mayImport: string[], mayLoad: string[] }>} rooms
 */
function assertOneWay(rooms) {
	const above = new Set();
	for (const [room, { mayImport, mayLoad }] of Object.entries(rooms)) {
		const upward = mayImport.filter((name) => !above.has(name));
		if (upward.length > 0) throw new Error(`rooms.js: "${room}" may not import ${upward.join(", ")}: only rooms above it in the table`);
		const unguarded = mayLoad.filter((name) => !GUARDED_PACKAGES.includes(name));
		if (unguarded.length > 0)
			throw new Error(`rooms.js: "${room}" loads ${unguarded.join(", ")}, which is missing in GUARDED_PACKAGES`);
		above.add(room);
	}
}

/**
 * Options of `@typescript-eslint/no-restricted-imports` for the files of one room.
 * @param {string} room
 */
function restrictionsOf(room) {
	const { mayImport, mayLoad } = ROOMS[room];
	// A room is flat, so `./file.js` stays inside it and `../room/file.js` is the only other legal form.
	const legal = ["", ...mayImport.map((name) => `\\./${name}`)].join("|");
	const guarded = GUARDED_PACKAGES.filter((name) => !mayLoad.includes(name));
	const alternatives = mayImport.length === 0 ? "no other room" : mayImport.join(", ");
	return {
		patterns: [
			{
				regex: `^\\.(?!(?:${legal})/(?!index\\.)[^/]+\\.js$)`,
				message: `The room "${room}" may import ${alternatives}, as "../room/file.js" (see rooms.js).`,
			},
			{
				regex: `^(?:${guarded.join("|")})(?:/|$)`,
				allowTypeImports: true,
				message: `The room "${room}" may import only types of this package (see rooms.js).`,
			},
			{ regex: "^nestjs-typeorm-aws-connector(?:/|$)", message: "The package does not import itself." },
		],
	};
}

assertOneWay(ROOMS);

module.exports = { GUARDED_PACKAGES, ROOMS, assertOneWay, restrictionsOf };
