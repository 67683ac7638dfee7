/** A parameter store in memory, for code that only needs lookups answered. */
import type { IStructuredLookup } from "../../src/configuration/connector.options.js";
import type { ParameterSource } from "../../src/connector/sources.js";

/** The thirteen fields at their canonical places, below `/shop/test/api/main`. */
export const CANONICAL_PARAMETERS: Readonly<Record<string, string>> = {
	"/shop/test/aws-rds/aurora-postgres/host": "db.example.com",
	"/shop/test/aws-rds/aurora-postgres/port": "5433",
	"/shop/test/aws-secrets-manager/database/secret-id": "app/database",
	"/shop/test/api/main/postgres/database-name": "orders",
	"/shop/test/api/main/postgres/type": "postgres",
	"/shop/test/api/main/typeorm/pool-size": "7",
	"/shop/test/api/main/typeorm/connection-timeout-ms": "4000",
	"/shop/test/api/main/typeorm/idle-timeout-ms": "5000",
	"/shop/test/api/main/typeorm/logging": "true",
	"/shop/test/api/main/typeorm/synchronize": "true",
	"/shop/test/api/main/typeorm/relation-load-strategy": "join",
	"/shop/test/api/main/typeorm/rotation/interval-ms": "60000",
	"/shop/test/api/main/typeorm/rotation/enabled": "true",
};

/** Answers lookups from `values`, and records what was asked. */
export class StubParameterSource implements ParameterSource {
	readonly gets: string[] = [];
	readonly reads: { readonly paths: readonly string[]; readonly shouldRefresh: boolean | undefined }[] = [];
	readonly values: Map<string, string>;

	constructor(values: Readonly<Record<string, string>> = CANONICAL_PARAMETERS) {
		this.values = new Map(Object.entries(values));
	}

	get(lookup: IStructuredLookup): string | null {
		const path = this.describePath(lookup);
		this.gets.push(path);
		return this.values.get(path) ?? null;
	}

	async getMany(
		lookups: readonly IStructuredLookup[],
		{ shouldRefresh }: { readonly shouldRefresh?: boolean } = {},
	): Promise<readonly (string | null)[]> {
		const paths = lookups.map((lookup) => this.describePath(lookup));
		this.reads.push({ paths, shouldRefresh });
		return Promise.resolve(paths.map((path) => this.values.get(path) ?? null));
	}

	describePath({
		application = "shop",
		environment = "test",
		namespace = "api",
		instanceName = "main",
		path,
	}: IStructuredLookup): string {
		return `/${[application, environment, namespace, instanceName, ...path].join("/")}`;
	}
}
