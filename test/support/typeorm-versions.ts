/** The TypeORM versions on which every rotation is proven: the oldest supported, the latest 0.3 and the latest 1.x. */
import type * as TypeOrm from "typeorm";

/** One installed TypeORM. */
export interface TypeOrmVersion {
	readonly label: string;
	load(): typeof TypeOrm;
}

/** All of them; a spec runs once for each. */
export const TYPEORM_VERSIONS: readonly TypeOrmVersion[] = [
	{ label: "0.3.20", load: () => require("typeorm-0.3.20") as typeof TypeOrm },
	{ label: "0.3.31", load: () => require("typeorm-0.3") as typeof TypeOrm },
	{ label: "1.1.1", load: () => require("typeorm") as typeof TypeOrm },
];
