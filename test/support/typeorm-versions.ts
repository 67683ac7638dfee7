/** The TypeORM versions on which rotation is proven: the oldest supported, the latest 0.3 and the latest 1.x. */
import type * as TypeOrm from "typeorm";

import type { EngineName } from "./server/database-server.js";

/** One installed TypeORM. */
export interface TypeOrmVersion {
	readonly label: string;
	load(): typeof TypeOrm;
}

export const OLDEST_TYPEORM: TypeOrmVersion = { label: "0.3.20", load: () => require("typeorm-0.3.20") as typeof TypeOrm };
export const LATEST_TYPEORM: TypeOrmVersion = { label: "1.1.1", load: () => require("typeorm") as typeof TypeOrm };

/** All of them, the oldest first. */
export const TYPEORM_VERSIONS: readonly TypeOrmVersion[] = [
	OLDEST_TYPEORM,
	{ label: "0.3.31", load: () => require("typeorm-0.3") as typeof TypeOrm },
	LATEST_TYPEORM,
];

/** Whether `ENGINES=all` asks for every engine on every TypeORM. */
export const IS_EVERY_CELL_RUN = process.env["ENGINES"] === "all";

/**
 * The versions on which a spec of one engine runs: PostgreSQL with the latest, MariaDB and MySQL with the oldest, so that both ends are
 * covered; with `ENGINES=all` every version.
 * @example
 * describe.each(typeOrmVersionsFor("postgres"))("On TypeORM $label", (version) => { … });
 */
export function typeOrmVersionsFor(engine: EngineName): readonly TypeOrmVersion[] {
	if (IS_EVERY_CELL_RUN) return TYPEORM_VERSIONS;
	return [engine === "postgres" ? LATEST_TYPEORM : OLDEST_TYPEORM];
}
