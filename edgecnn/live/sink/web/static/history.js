/** The strip of past answers, from the server's memory and the events since. */

import { get } from "./api.js";
import { $, make, sync, write } from "./dom.js";
import { camera, losses, statuses } from "./stream.js";
import { say } from "./text.js";

/** The lengths of the strip: the shortest one that shows all is used. */
const LENGTHS_S = [60, 300, 900, 3600];
/** The strip's steps; each has the label of most of its time. */
const STEPS = 240;
/** The longest time between two results that belong together. */
const GAP_S = 3;

/** From and to in seconds of the page's clock, with the label. @type {[number, number, string][]} */
let spans = [];
/** @type {string[]} */
const known = [];
let drawn = 0;
let heard = -GAP_S;

const now = () => performance.now() / 1000;

/** Give an element a color of its label, the same everywhere on the page. @param {HTMLElement} element @param {string} label */
export function tint(element, label) {
	if (!known.includes(label)) known.push(label);
	element.style.setProperty("--hue", `${170 + 137 * known.indexOf(label)}`);
}

/** Take what the page has missed. */
async function load() {
	const past = /** @type {Past[] | null} */ (await get("history", { camera }));
	const at = now();
	spans = (past ?? []).map(({ t, label, seconds }) => [at - t, at - t + seconds, label]);
	draw();
}

/** The label of each step, "" for none. @param {number} start @param {number} step */
function sample(start, step) {
	const [labels, longest] = [Array(STEPS).fill(""), Array(STEPS).fill(0)];
	for (const [from, to, label] of spans) {
		const [first, last] = [(from - start) / step, (to - start) / step];
		for (let at = Math.max(0, Math.floor(first)); at < Math.min(STEPS, last); at++) {
			const share = Math.min(last, at + 1) - Math.max(first, at);
			if (share > longest[at]) [labels[at], longest[at]] = [label, share];
		}
	}
	return labels;
}

function draw() {
	drawn = now();
	spans = spans.filter(([, to]) => drawn - to < 3600);
	const age = drawn - (spans[0]?.[0] ?? drawn);
	const most = document.body.matches(".teaching") ? 60 : 3600;
	const length = LENGTHS_S.find((seconds) => seconds >= Math.min(age, most)) ?? most;
	/** @type {{ id: string, label: string, from: number, steps: number }[]} */
	const runs = [];
	for (const [from, label] of sample(drawn - length, length / STEPS).entries()) {
		const last = runs.at(-1);
		if (last && last.label === label) last.steps += 1;
		else runs.push({ id: `${runs.length}`, label, from, steps: 1 });
	}
	const named = runs.filter(({ label }) => label);
	const strip = $("strip");
	sync(
		"strip",
		named,
		() => make("i"),
		(element, { label, from, steps }) => {
			const width = steps / STEPS;
			element.title = label;
			element.textContent = width * strip.clientWidth > 9 * label.length + 6 ? label : "";
			element.className = label === "unknown" ? "none" : "";
			tint(element, label);
			Object.assign(element.style, { left: `${(100 * from) / STEPS}%`, width: `${100 * width}%` });
		},
	);
	const last = say("last", { n: length / 60 });
	const labels = named.slice(-5).map(({ label }) => label);
	strip.ariaLabel = say("past", { last, labels: labels.join(", ") });
	write("past", last);
}

losses.push(() => {
	heard = -GAP_S;
});

statuses.push(({ shown, stats }) => {
	if (stats.paused) return;
	const at = now();
	if (at - heard > GAP_S) load();
	heard = at;
	const last = spans.at(-1);
	const isNear = last && at - last[1] < GAP_S;
	if (isNear && last[2] === shown) last[1] = at;
	else spans.push([isNear ? last[1] : at, at, shown]);
	if (at - drawn > 1) draw();
});
