/** A connector that knows versions is asked for them; a stand-in is asked for what it has. */
import type { DataSourceOptions } from "typeorm";

import { fetchCurrentOptions, fetchPendingOptions, type RotationSource } from "../../../src/connector/rotation-source.js";

const OPTIONS = { password: "two", type: "postgres", username: "app" } as DataSourceOptions;
const { signal } = new AbortController();

/** The least that may be handed to a rotator. */
function standIn(): RotationSource {
	return { getRotationConfig: () => ({ intervalMs: 1_000, isEnabled: true }), getTypeOrmOptions: () => Promise.resolve(OPTIONS) };
}

describe("fetchCurrentOptions", () => {
	it("asks a stand-in for its options; they have no version", async () => {
		expect(await fetchCurrentOptions(standIn(), signal, false)).toEqual({ options: OPTIONS });
	});

	it.each([true, false])("asks a connector for fresh options and a version under a signal (recovery: %p)", async (isRecovery) => {
		const getTypeOrmOptions = jest.fn();
		const resolveConnection = jest.fn(() => Promise.resolve({ options: OPTIONS, versionId: "v2" }));

		const fresh = await fetchCurrentOptions({ ...standIn(), getTypeOrmOptions, resolveConnection }, signal, isRecovery);

		expect(fresh).toEqual({ options: OPTIONS, versionId: "v2" });
		expect(resolveConnection).toHaveBeenCalledWith({ isRecovery, shouldRefresh: true, signal });
		expect(getTypeOrmOptions).not.toHaveBeenCalled();
	});

	it("keeps the connector's this", async () => {
		class Connector {
			readonly options = OPTIONS;

			getRotationConfig(): { intervalMs: number; isEnabled: boolean } {
				return { intervalMs: 1_000, isEnabled: true };
			}

			getTypeOrmOptions(): Promise<DataSourceOptions> {
				return Promise.resolve(this.options);
			}
		}

		expect(await fetchCurrentOptions(new Connector(), signal, false)).toEqual({ options: OPTIONS });
	});
});

describe("fetchPendingOptions", () => {
	it("has nothing from a stand-in, which knows no versions", async () => {
		expect(await fetchPendingOptions(standIn(), signal)).toBeUndefined();
	});

	it("asks a connector, with a way to call it off", async () => {
		const pending = { options: OPTIONS, versionId: "v3" };
		const resolvePendingConnection = jest.fn(() => Promise.resolve(pending));

		expect(await fetchPendingOptions({ ...standIn(), resolvePendingConnection }, signal)).toBe(pending);
		expect(resolvePendingConnection).toHaveBeenCalledWith({ signal });
	});
});
