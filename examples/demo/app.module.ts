/** The application, as an application on AWS would be: no host, no user and no password in it, and nothing made for this demonstration. */
import { Module } from "@nestjs/common";
import { ConfigModule, ConfigService } from "@nestjs/config";
import { TypeOrmModule } from "@nestjs/typeorm";
// The name of the package: in this repository it stands for src/index.ts.
import {
	ENamespace,
	ParameterStoreConfigModule,
	TypeOrmAwsConnectorModule,
	TypeOrmAwsConnectorService,
} from "nestjs-typeorm-aws-connector";

import { Account, Transfer } from "./bank.entities.js";
import { BankService } from "./bank.service.js";

@Module({
	imports: [
		ConfigModule.forRoot({ isGlobal: true }),
		ParameterStoreConfigModule.registerAsync({
			inject: [ConfigService],
			useFactory: (config: ConfigService) => ({
				application: config.getOrThrow<string>("APPLICATION"),
				environment: config.getOrThrow<string>("ENVIRONMENT"),
				namespace: ENamespace.AWS_ECS_FARGATE,
				instanceName: "bank-api",
				shouldDecryptParameters: true,
			}),
		}),
		TypeOrmAwsConnectorModule.register({
			entities: [Account, Transfer],
			rotation: { isEnabled: true, intervalMs: 3_600_000 },
		}),
		TypeOrmModule.forRootAsync({
			inject: [TypeOrmAwsConnectorService],
			useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
		}),
	],
	providers: [BankService],
})
export class AppModule {}
