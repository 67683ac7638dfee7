import type { TypeOrmAwsConnectorService } from "nestjs-typeorm-aws-connector";
import { createDataSource, type IConnectorDataSource } from "nestjs-typeorm-aws-connector/data-source";

/** One DataSource for each schema, all with the credentials of one connector. */
export class TenantDataSources {
	private readonly opened = new Map<string, Promise<IConnectorDataSource>>();

	constructor(private readonly connector: TypeOrmAwsConnectorService) {}

	open(schema: string): Promise<IConnectorDataSource> {
		const opened = this.opened.get(schema) ?? createDataSource({ connector: this.connector, typeOrmOptions: { schema } });
		this.opened.set(schema, opened);
		opened.catch(() => this.opened.delete(schema));
		return opened;
	}

	async onModuleDestroy(): Promise<void> {
		const dataSources = await Promise.all(this.opened.values());
		await Promise.all(dataSources.map((dataSource) => dataSource.close()));
	}
}
