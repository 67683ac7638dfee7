/** Draws counts per second as an SVG file that needs no script and no font of its own. */

/** One line of a plot. */
export interface Series {
	readonly colour: string;
	readonly name: string;
	readonly values: readonly number[];
}

/** What a plot shows. */
export interface Plot {
	/** A horizontal line, such as a limit of AWS. */
	readonly limit?: { readonly name: string; readonly value: number };
	readonly series: readonly Series[];
	readonly title: string;
	readonly unit: string;
}

const WIDTH = 760;
const HEIGHT = 300;
const LEFT = 70;
const RIGHT = 20;
const TOP = 60;
const BOTTOM = 40;

/** The plot as text; the vertical axis is logarithmic, since fleets differ by powers of ten. */
export function drawPlot({ limit, series, title, unit }: Plot): string {
	const secondCount = Math.max(...series.map(({ values }) => values.length));
	const largest = Math.max(limit?.value ?? 1, ...series.flatMap(({ values }) => values));
	const decades = Math.max(1, Math.ceil(Math.log10(largest)));
	const findX = (second: number): number => LEFT + (second / Math.max(1, secondCount - 1)) * (WIDTH - LEFT - RIGHT);
	const findY = (value: number): number => HEIGHT - BOTTOM - (Math.log10(Math.max(1, value)) / decades) * (HEIGHT - TOP - BOTTOM);
	const ticks = Array.from({ length: decades + 1 }, (_, power) => 10 ** power);
	const seconds = [0, 0.25, 0.5, 0.75, 1].map((part) => Math.round(part * (secondCount - 1)));
	return `${[
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
		`<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
		`<text x="${LEFT}" y="18" font-size="14">${title}</text>`,
		...ticks.flatMap((value) => [
			drawLine(LEFT, findY(value), WIDTH - RIGHT, findY(value), 'stroke="#ddd"'),
			`<text x="${LEFT - 6}" y="${(findY(value) + 4).toFixed(1)}" text-anchor="end">${value.toLocaleString("en")}</text>`,
		]),
		...seconds.map((second) => `<text x="${findX(second).toFixed(1)}" y="${HEIGHT - 20}" text-anchor="middle">${second} s</text>`),
		`<text x="${LEFT}" y="${HEIGHT - 4}" fill="#555">${unit}, logarithmic; time in seconds</text>`,
		...(limit === undefined
			? []
			: [drawLine(LEFT, findY(limit.value), WIDTH - RIGHT, findY(limit.value), 'stroke="#c00" stroke-dasharray="6 4"')]),
		...(limit === undefined
			? []
			: [`<text x="${WIDTH - RIGHT}" y="${(findY(limit.value) - 4).toFixed(1)}" text-anchor="end" fill="#c00">${limit.name}</text>`]),
		...series.flatMap(({ colour, name, values }, index) => [
			`<polyline fill="none" stroke="${colour}" points="${values.map((value, second) => `${findX(second).toFixed(1)},${findY(value).toFixed(1)}`).join(" ")}"/>`,
			`<text x="${LEFT + index * 300}" y="40" fill="${colour}">${name}</text>`,
		]),
		"</svg>",
	].join("\n")}\n`;
}

function drawLine(fromX: number, fromY: number, toX: number, toY: number, style: string): string {
	return `<line x1="${fromX}" y1="${fromY.toFixed(1)}" x2="${toX}" y2="${toY.toFixed(1)}" ${style}/>`;
}
