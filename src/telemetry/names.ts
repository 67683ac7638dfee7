/** Names of metrics and attributes. Every attribute has few values: none is a host, a user or a secret. */
import type { Attributes } from "@opentelemetry/api";

/** Name of the meter and of the tracer. */
export const SCOPE_NAME = "nestjs-typeorm-aws-connector";

/** Prefix of metrics that the semantic conventions do not know. */
export const PREFIX = "typeorm_aws_connector";

/** Bounds of histograms in seconds: from a connection that is idle to a login that is waited for. */
export const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];

/** What the semantic conventions call an engine. Others have TypeORM's name. */
const SYSTEM_NAMES: Readonly<Record<string, string>> = {
	"aurora-mysql": "mysql",
	"aurora-postgres": "postgresql",
	postgres: "postgresql",
};

/** Attributes of one pool. @param server `primary`, `replica0` … */
export function describePool(connector: string, server: string, engine: string | undefined): Attributes {
	return {
		"db.client.connection.pool.name": `${connector}.${server}`,
		...(engine !== undefined && { "db.system.name": SYSTEM_NAMES[engine] ?? engine }),
	};
}
