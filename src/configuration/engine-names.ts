/** What RDS, CDK and secrets call an engine, and which of TypeORM's engines that is. */
import { EDatabaseType } from "./connector.enums.js";

/** In lower case. @see https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html */
export const ENGINE_ALIASES: Readonly<Record<string, EDatabaseType>> = {
	// The name that RDS had for Aurora MySQL before there was another Aurora.
	aurora: EDatabaseType.MYSQL,
	"aurora-mysql": EDatabaseType.MYSQL,
	"aurora-postgres": EDatabaseType.POSTGRES,
	"aurora-postgresql": EDatabaseType.POSTGRES,
	postgresql: EDatabaseType.POSTGRES,
};

/** TypeORM's name of an engine, whichever name is given; the text itself where it is none. */
export function normalizeEngine(text: string): string {
	const name = text.trim().toLowerCase();
	return Object.hasOwn(ENGINE_ALIASES, name) ? (ENGINE_ALIASES[name] as string) : text;
}
