import { Module } from "@nestjs/common";
import { ConditionalModule, ConfigModule, ConfigService } from "@nestjs/config";
import { TypeOrmModule } from "@nestjs/typeorm";
import {
	parseDatabaseUrl,
	ParameterStoreConfigModule,
	TypeOrmAwsConnectorModule,
	TypeOrmAwsConnectorService,
} from "nestjs-typeorm-aws-connector";

import { Note } from "./note.entity";

@Module({
	imports: [
		ConfigModule.forRoot({ isGlobal: true }), // reads .env, which is not there in production
		// Without it no field is looked up in AWS. The condition is ConfigModule's own: it waits for .env.
		ConditionalModule.registerWhen(
			ParameterStoreConfigModule.register({
				application: "shop",
				environment: "production",
				namespace: "aws-ecs-fargate",
				instanceName: "shop-api",
				shouldLoadOnDemand: true,
			}),
			({ DATABASE_URL }) => DATABASE_URL === undefined,
		),
		TypeOrmAwsConnectorModule.registerAsync({
			inject: [ConfigService],
			useFactory: (config: ConfigService) => {
				const url = config.get<string>("DATABASE_URL");
				if (url === undefined) return { entities: [Note], rotation: { isEnabled: true } };
				return { entities: [Note], ...parseDatabaseUrl(url, "DATABASE_URL"), shouldSynchronize: true };
			},
		}),
		TypeOrmModule.forRootAsync({
			inject: [TypeOrmAwsConnectorService],
			useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
		}),
	],
})
export class AppModule {}
