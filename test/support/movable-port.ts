/** A parameter that says on which port the database is, so that a test can lead the next rotation somewhere else. */
import { SSMClient } from "@aws-sdk/client-ssm";

import { ParameterStoreConfigService } from "../../src/parameter-store/parameter-store-config.service.js";
import { ParameterStoreService } from "../../src/parameter-store/parameter-store.service.js";
import type { FakeAws } from "../../src/testing/fake-aws.js";

/** The parameter, and the Parameter Store that a connector reads it from. */
export interface MovablePort {
	/** Changes the parameter. */
	move(port: number): void;
	/** Of the parameter, in full. */
	readonly name: string;
	readonly parameterSource: ParameterStoreConfigService;
}

let applicationCount = 0;

/** Makes the parameter, for an application of its own. */
export function createMovablePort(aws: FakeAws, port: number): MovablePort {
	applicationCount += 1;
	const application = `shop-${String(applicationCount)}`;
	const name = `/${application}/test/aws-rds/aurora-postgres/port`;
	const move = (target: number): void => void aws.parameters.put(name, String(target));
	move(port);
	// Without connections that are kept alive there is nothing to destroy.
	const client = new SSMClient({ ...aws.clientConfig, requestHandler: { httpAgent: { keepAlive: false } } });
	const properties = { application, environment: "test", instanceName: "main", namespace: "postgres", shouldLoadOnDemand: true };
	return { move, name, parameterSource: new ParameterStoreConfigService(properties, [], new ParameterStoreService(client)) };
}
