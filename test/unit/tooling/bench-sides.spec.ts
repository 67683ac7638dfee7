/** The arithmetic behind every published ratio. */
import { compare, findMedian, findQuantile, measureSides, measureTimes, subtract } from "../../../bench/sides.js";

describe("measureSides", () => {
	it("gives every side one turn a round, each round beginning with another one, and leaves out the warm-up", async () => {
		const order: string[] = [];
		const turn = (side: string) => async () => {
			order.push(side);
			return order.length;
		};

		const measured = await measureSides({ left: turn("left"), middle: turn("middle"), right: turn("right") }, { roundCount: 2 });

		expect(order.join(" ")).toBe("left middle right middle right left right left middle left middle right");
		expect(measured).toEqual({ left: [8, 10], middle: [9, 11], right: [7, 12] });
	});

	it("warms up as often as it is told", async () => {
		let turnCount = 0;

		const measured = await measureSides({ only: async () => (turnCount += 1) }, { roundCount: 2, warmUpCount: 1 });

		expect(measured).toEqual({ only: [2, 3] });
	});
});

describe("compare", () => {
	it("takes the ratio of each round before the median, so that a slow round counts for both sides", () => {
		const baseline = [1, 2, 100, 4, 5];
		const values = [2, 4, 200, 8, 10];

		expect(compare(values, baseline)).toEqual({ lower: 2, median: 2, upper: 2 });
	});

	it("tells between which ratios the middle half lies", () => {
		expect(compare([1, 2, 3, 4, 5], [1, 1, 1, 1, 1])).toEqual({ lower: 2, median: 3, upper: 4 });
	});
});

describe("subtract", () => {
	it("takes the difference of each round before the median", () => {
		expect(subtract([3, 104, 7], [1, 100, 1])).toEqual({ lower: 3, median: 4, upper: 5 });
	});
});

describe("findQuantile", () => {
	it("goes between two values where the rank does", () => {
		const values = [40, 10, 30, 20];

		expect(findMedian(values)).toBe(25);
		expect(findQuantile(values, 0)).toBe(10);
		expect(findQuantile(values, 1)).toBe(40);
		expect(findQuantile([7], 0.99)).toBe(7);
	});
});

describe("measureTimes", () => {
	it("counts waiting as elapsed time and not as processor time", async () => {
		const clock = jest.spyOn(performance, "now").mockReturnValueOnce(1_000).mockReturnValueOnce(3_000);
		const processor = jest
			.spyOn(process, "cpuUsage")
			.mockReturnValueOnce({ system: 10, user: 20 })
			.mockReturnValueOnce({ system: 300, user: 700 });

		const times = await measureTimes(async () => undefined);

		expect(times).toEqual({ elapsedMs: 2_000, processorMs: 1 });
		expect(clock).toHaveBeenCalledTimes(2);
		expect(processor).toHaveBeenLastCalledWith({ system: 10, user: 20 });
	});
});
