/** The numbers of the run: latency of each stage, frame rate, frames. */

import { $, make, percent, sync, write } from "./dom.js";
import { statuses } from "./stream.js";
import { caption, LOCALE, say } from "./text.js";

/** So many results in the curve of latencies. */
const SPARK = 120;
/** @type {number[]} */
const latencies = [];

statuses.push(({ latency_ms, stats }) => {
	const latest = Object.values(latency_ms).reduce((sum, value) => sum + value, 0);
	latencies.push(latest);
	if (latencies.length > SPARK) latencies.shift();
	const top = Math.max(...latencies);
	const points = latencies.map((value, at) => `${at + SPARK - latencies.length},${30 - (28 * value) / top}`);
	$("spark", SVGElement).firstElementChild?.setAttribute("points", points.join(" "));
	write("latency", say("slowest", { latest: latest.toFixed(2), top: top.toFixed(2) }));
	const stages = Object.entries(stats.latency_ms).map(([id, spread]) => ({ id, ...spread }));
	sync(
		"stages",
		stages,
		({ id }) => make("tr", {}, make("th", { scope: "row" }, caption(id, id)), make("td"), make("td")),
		({ cells }, { p50, p99 }) => {
			cells[1]?.replaceChildren(p50.toFixed(3));
			cells[2]?.replaceChildren(p99.toFixed(3));
		},
	);
	/** @type {[string, string][]} */
	const numbers = [
		["fps", stats.fps.toFixed(1)],
		["frames", stats.frames.toLocaleString(LOCALE)],
		["dropped", stats.dropped.toLocaleString(LOCALE)],
	];
	if (stats.known) numbers.push(["right", percent(stats.correct / stats.known, 1)]);
	sync(
		"numbers",
		numbers.map(([id, value]) => ({ id, value })),
		({ id }) => make("div", {}, make("dt", {}, caption(id)), make("dd", { id })),
		(element, { value }) => element.lastElementChild?.replaceChildren(value),
	);
});
