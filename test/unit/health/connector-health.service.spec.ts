/** The indicator gives terminus what each of its versions takes for up and down. */
import { ConnectorHealthIndicator } from "../../../src/health/connector-health.service.js";
import { loadTerminus } from "../../../src/health/optional-packages.js";
import type { IReadiness } from "../../../src/rotation/statistics.options.js";
import { failureOf } from "../../support/failure-of.js";

jest.mock("../../../src/health/optional-packages.js", () => ({ loadTerminus: jest.fn() }));

const UP: IReadiness = { isDegraded: false, servers: { primary: { isDegraded: false, status: "up" } }, status: "up" };
const DOWN: IReadiness = { isDegraded: false, reason: "28P01", servers: {}, status: "down" };
const DEGRADED: IReadiness = { isDegraded: true, reason: "28P01", servers: {}, status: "up" };

/** Terminus 8 to 10 has no such class, later versions have. */
const VERSIONS = { new: { HealthIndicatorService: class {} }, none: undefined, old: {} };

function createIndicator(readiness: IReadiness, version: keyof typeof VERSIONS = "new"): ConnectorHealthIndicator {
	jest.mocked(loadTerminus).mockReturnValue(VERSIONS[version] as ReturnType<typeof loadTerminus>);
	return new ConnectorHealthIndicator({
		checkReadiness: jest.fn(async () => Promise.resolve(readiness)),
		getStatistics: () => ({ state: "idle" }) as never,
	});
}

describe("ConnectorHealthIndicator.isReady", () => {
	it.each(["none", "old", "new"] as const)("returns what is up, under %s terminus", async (version) => {
		await expect(createIndicator(UP, version).isReady("orders")).resolves.toEqual({ orders: { status: "up" } });
	});

	it("says that a database is degraded, and why", async () => {
		await expect(createIndicator(DEGRADED).isReady("orders")).resolves.toEqual({
			orders: { isDegraded: true, reason: "28P01", status: "up" },
		});
	});

	it.each(["none", "new"] as const)("returns what is down, under %s terminus", async (version) => {
		await expect(createIndicator(DOWN, version).isReady("orders")).resolves.toEqual({ orders: { reason: "28P01", status: "down" } });
	});

	it("throws what is down, under old terminus, which takes every result for up", async () => {
		expect(await failureOf(createIndicator(DOWN, "old").isReady("orders"))).toMatchObject({
			causes: { orders: { reason: "28P01", status: "down" } },
			isHealthCheckError: true,
			message: "orders is not available",
		});
	});

	it("names each server where there are replicas", async () => {
		const servers = {
			primary: { isDegraded: false, status: "up" },
			replica0: { isDegraded: false, reason: "exhausted", status: "down" },
		} as const;

		await expect(createIndicator({ ...DEGRADED, reason: "replica0", servers }).isReady("orders")).resolves.toEqual({
			orders: { isDegraded: true, reason: "replica0", servers, status: "up" },
		});
	});
});

describe("ConnectorHealthIndicator.isAlive", () => {
	it("is up without a question to the database", () => {
		expect(createIndicator(DOWN).isAlive("orders")).toEqual({ orders: { state: "idle", status: "up" } });
	});
});
