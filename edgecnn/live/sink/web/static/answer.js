/** The answer: its label and score, the best classes, and the part of the frame that the model sees. */

import { $, make, percent, show, sync, write } from "./dom.js";
import { statuses } from "./stream.js";
import { say } from "./text.js";

/** Milliseconds that an answer lasts before it is read aloud: a screen reader can't follow each frame. */
const SETTLED_MS = 1500;

let since = 0;

statuses.push(({ shown, model, source, machine, camera, steady, ranking, predictions, unknown, size, seen }) => {
	document.title = say("title", { model: model || "live", machine });
	write("about", say("about", { names: [model, source].filter(Boolean).join(", "), machine }));
	write("camera", say("camera", { ...camera, fps: Math.round(camera.fps) }));
	const label = $("label");
	if (label.textContent !== shown) {
		label.textContent = shown;
		label.style.setProperty("--letters", `${Math.max(3, shown.length)}`);
		since = performance.now();
	} else if (performance.now() - since > SETTLED_MS) write("spoken", shown);
	$("answer").classList.toggle("unknown", shown === "unknown");
	const score = ranking.find((one) => one.label === shown && shown !== "unknown")?.score;
	write("score", score === undefined ? "" : percent(score));
	const best = steady && predictions[0];
	write("frame", best ? say("thisFrame", { best: words(best, unknown) }) : "");
	sync(
		"ranking",
		ranking,
		() => row("li"),
		(element, { score, label }) => fill(element, score, label, percent(score, 1)),
	);
	const [width, height] = size;
	const [x, y, w, h] = seen ?? [0, 0, ...size];
	document.documentElement.style.setProperty("--ratio", `${width / height}`);
	show("seen", w !== width || h !== height);
	const box = { left: x / width, top: y / height, width: w / width, height: h / height };
	for (const [side, share] of Object.entries(box)) $("seen").style.setProperty(side, `${100 * share}%`);
});

/** @param {Prediction} prediction @param {boolean} [isUnknown] */
export function words({ label, score }, isUnknown) {
	const best = `${label} ${percent(score, 1)}`;
	return isUnknown ? say("nearest", { best }) : best;
}

/** A row with a bar, for `fill`. @param {"li" | "button"} tag @param {string[]} parts */
export const row = (tag, ...parts) =>
	make(
		tag,
		{ className: "scored" },
		...["bar", "name", ...parts, "share"].map((className) => make("span", { className })),
	);

/** @param {Element} element @param {number} score @param {string[]} texts of its parts after the bar */
export function fill(element, score, ...texts) {
	const [bar, ...parts] = /** @type {HTMLElement[]} */ ([...element.children]);
	bar?.style.setProperty("width", `${100 * score}%`);
	for (const [at, part] of parts.entries()) part.textContent = texts[at] ?? "";
}
