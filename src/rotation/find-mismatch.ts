/** Whether a DataSource belongs to the connector whose rotator is asked to rotate it. */
import type { DataSource } from "typeorm";

import { isConnectorOpen, readOrigin } from "../connector/options-origin.js";
import type { RotationSource } from "../connector/rotation-source.js";
import { DataSourceMismatchError } from "../errors/errors.js";

/** The error where another connector made the options; `undefined` where this one did, or no connector. */
export function findMismatch(
	dataSource: DataSource | undefined,
	{ connectorId, name }: RotationSource,
	intervalName: string,
): DataSourceMismatchError | undefined {
	const origin = readOrigin(dataSource?.options);
	const ownName = name ?? intervalName;
	if (origin === undefined || connectorId === undefined || origin.connectorId === connectorId) return undefined;
	// A DataSource that outlives its application context is taken over by the connector of the same name.
	if (origin.connector === ownName && !isConnectorOpen(origin.connectorId)) return undefined;
	return new DataSourceMismatchError(ownName, origin.connector);
}
