/** Hold to record: a button, the space bar or a digit. Recording ends with the hold, or with the page. */

import { act } from "../api.js";
import { write } from "../dom.js";
import { losses } from "../stream.js";
import { say } from "../text.js";
import { changes, labels, select, selected, state } from "./state.js";

/** Milliseconds between two signs of life: after 5 s without one the server stops recording. */
const KEEP_MS = 1000;

/** @typedef {{ label: string, recording?: string, keeping?: number }} Hold */
/** @type {Hold | null} */
let held = null;

/** @param {string} label */
async function start(label) {
	if (held || !label) return;
	/** @type {Hold} */
	const mine = { label };
	held = mine;
	select(label);
	const { recording } = (await act("teach/record/start", { label })) ?? {};
	mine.recording = recording;
	if (held !== mine) release(mine);
	else if (!recording) stop();
	else mine.keeping = setInterval(async () => (await act("teach/record/keep", { recording })) ?? stop(mine), KEEP_MS);
}

function stop(mine = held) {
	if (!mine || mine !== held) return;
	release(mine);
	held = null;
	mark();
}

/** @param {Hold} hold */
function release({ recording, keeping }) {
	clearInterval(keeping);
	if (recording) act("teach/record/stop", { recording });
}

/** Show what is recorded, by this page or by another. */
function mark() {
	const label = state.recording?.label ?? held?.label ?? "";
	document.body.classList.toggle("recording", !!label);
	write("recorded", label && say("recording", { label, kept: 0, alike: 0, ...state.recording }));
}

/** Make a button record while it is held. @param {HTMLElement} element @param {string} label */
export function hold(element, label) {
	element.dataset.record = label;
	element.onpointerdown = ({ button, pointerId }) => {
		if (button) return;
		element.setPointerCapture(pointerId);
		start(label);
	};
	element.onpointerup = element.onpointercancel = () => stop();
	element.oncontextmenu = (event) => event.preventDefault();
	// A screen reader clicks without a pointer: the first click starts, the second one ends.
	element.onclick = ({ detail }) => !detail && (held ? stop() : start(label));
}

/** The class that a key records into, "" for none. @param {KeyboardEvent} event */
function classOf({ key, target, ctrlKey, altKey, metaKey }) {
	const element = /** @type {HTMLElement} */ (target);
	if (ctrlKey || altKey || metaKey || element.closest("input, select, dialog")) return "";
	if (key !== " ") return labels()["123456789".indexOf(key)] ?? "";
	return element.closest("button, a") ? (element.dataset.record ?? "") : selected;
}

for (const type of /** @type {const} */ (["keydown", "keyup"])) {
	addEventListener(type, (event) => {
		const label = classOf(event);
		if (!label) return;
		event.preventDefault();
		if (type === "keyup") stop();
		else if (!event.repeat) start(label);
	});
}
addEventListener("blur", () => stop());
losses.push(() => {
	state.recording = null; // whatever it does now
	stop();
	mark();
});
changes.push(mark);
