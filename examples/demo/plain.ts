/** The same application without the library: TypeORM with the credentials that the secret held at the start. */
import { DataSource } from "typeorm";

import { Account, Transfer } from "./bank.entities.js";
import { BankService } from "./bank.service.js";
import type { PlainLogin } from "./cloud.js";

/** The running application. */
export interface PlainApplication {
	readonly bank: BankService;
	close(): Promise<void>;
}

/** Starts it. */
export async function startPlainApplication(login: PlainLogin, poolSize: number): Promise<PlainApplication> {
	const dataSource = new DataSource({ ...login, entities: [Account, Transfer], poolSize, synchronize: true, type: "postgres" });
	await dataSource.initialize();
	return { bank: new BankService(dataSource), close: async () => dataSource.destroy() };
}
