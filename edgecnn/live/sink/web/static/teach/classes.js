/** The classes: scores, counts and newest photos; add, rename, merge, remove; correct; what to do next. */

import { fill, row } from "../answer.js";
import { act, address } from "../api.js";
import { $, button, make, onSubmit, percent, show, sync, write } from "../dom.js";
import { tint } from "../history.js";
import { ask, message } from "../message.js";
import { statuses } from "../stream.js";
import { say } from "../text.js";
import { accept } from "./files.js";
import { hold } from "./record.js";
import { changes, labels, select, selected, state, update } from "./state.js";

/** A class with fewer photos is shown again before all else. */
const FEW = 5;
/** The server takes so many ids in a request. */
const MOST_UNDONE = 2000;

/** The newest answer. @type {Status | undefined} */
let status;

/** What to do next. */
function guide() {
	const { classes, advice } = state;
	const few = classes.find(({ photos }) => photos < FEW);
	if (classes.length < 2) return say(classes.length ? "guideSecond" : "guideFirst");
	if (few) return say(few.photos ? "guideMore" : "guideShow", few);
	return advice || say("guideTry");
}

changes.push(({ problem, busy, knows }) => {
	write("guide", guide());
	write("problem", problem ?? "");
	show("busy", busy);
	show("correct", knows !== "nothing");
	sync("really", labels(), (label) => button(label, () => correct(label)));
	draw();
});

/** @param {Class} item */
function create({ label }) {
	const choose = row("button", "count");
	choose.onclick = () => select(label);
	const menu = button("⋯", () => edit(label), { ariaLabel: say("edit", { label }) });
	const record = make("button", { className: "record", ariaLabel: say("holdTo", { label }) });
	const element = make("li", {}, make("img", { alt: "" }), choose, menu, record);
	tint(element, label);
	hold(record, label);
	accept(element, () => label);
	return element;
}

function draw() {
	sync("rows", state.classes, create, (element, { label, photos, newest }) => {
		const [face, choose] = element.children;
		const url = newest ? address("teach/thumbnail", { id: newest }) : "";
		const score = status?.ranking.find((one) => one.label === label)?.score;
		const share = score === undefined ? "" : percent(score);
		if (!face || !choose) return;
		fill(choose, score ?? 0, label, say("photos", { n: photos }), share);
		choose.ariaCurrent = `${label === selected}`;
		if (face.getAttribute("src") !== url) face.setAttribute("src", url);
		element.classList.toggle("recorded", label === state.recording?.label);
		element.classList.toggle("is", label === status?.shown);
	});
	$("unknown").classList.toggle("is", status?.shown === "unknown");
}

/** Let the frame of the newest answer join a class. @param {string} label */
async function correct(label) {
	const added = await act("teach/correct", { label, frame: status?.frame });
	if (added) message(say("corrected", { label }), () => act("teach/photos/remove", { ids: [added.id] }));
}

/** @param {string} label */
async function edit(label) {
	const input = make("input", { value: label, maxLength: 60, required: true });
	const content = [make("label", {}, say("name"), input), say("mergeHelp")];
	const action = await ask(label, content, "rename", "removeClass");
	const to = input.value.trim();
	if (action === "rename" && to !== label) {
		const merge = labels().includes(to);
		if (merge && !(await ask(say("mergeSure", { label, to }), [], "merge"))) return;
		const ids = await change("rename", { label, to, merge }, to);
		offer("moved", to, ids, async () => {
			await change("add", { label });
			act("teach/photos/move", { ids, to: label });
		});
	}
	if (action === "removeClass" && (await ask(say("sure", { label }), [say("trash")], action))) {
		const ids = await change("remove", { label });
		offer("removed", label, ids, () => act("teach/photos/restore", { ids }));
	}
}

/**
 * Say where photos went, and offer to undo it.
 * @param {"moved" | "removed"} key
 * @param {string} label
 * @param {string[]} ids
 * @param {() => unknown} undo
 */
function offer(key, label, { length: n }, undo) {
	if (n) message(say(key, { n, label }), n > MOST_UNDONE ? undefined : undo);
}

/**
 * Change the classes, and return the ids of the photos that left their class.
 * @param {string} action
 * @param {object} body
 * @param {string} [label] to select afterwards
 * @returns {Promise<string[]>}
 */
async function change(action, body, label = selected) {
	const done = await act(`teach/classes/${action}`, body);
	if (!done) return [];
	update(done.state);
	select(label);
	document.querySelector("#rows [aria-current=true]")?.scrollIntoView({ block: "nearest" });
	return done.ids;
}

onSubmit("add", (label) => label && change("add", { label }, label));

statuses.push((next) => {
	status = next;
	draw();
});
