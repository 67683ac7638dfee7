import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { ParameterStoreConfigModule, TypeOrmAwsConnectorModule, TypeOrmAwsConnectorService } from "nestjs-typeorm-aws-connector";

import { Note } from "./note.entity";

@Module({
	imports: [
		ParameterStoreConfigModule.register({
			application: "shop",
			environment: "production",
			namespace: "aws-ecs-fargate",
			instanceName: "shop-api",
			shouldLoadOnDemand: true,
		}),
		TypeOrmAwsConnectorModule.register({ entities: [Note], rotation: { isEnabled: true } }),
		TypeOrmModule.forRootAsync({
			inject: [TypeOrmAwsConnectorService],
			useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
		}),
	],
})
export class AppModule {}
