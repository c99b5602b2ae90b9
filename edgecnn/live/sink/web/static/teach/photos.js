/** The photos of the selected class: look, select many, move, remove, undo. */

import { act, address, get } from "../api.js";
import { $, make, show, sync, write } from "../dom.js";
import { message } from "../message.js";
import { say } from "../text.js";
import { grid } from "./grid.js";
import { changes, labels, select, selected, state, whenOpen } from "./state.js";

/** Photos that are asked for at a time. */
const PAGE = 200;

/** The class that is shown, and only its photos that look like another one; "" for all. */
let [shown, like] = ["", ""];
let most = PAGE;

const photos = grid("photos-grid");
const signature = () => [selected, like, most, state.revision, state.classes, state.judged];

async function load() {
	const label = selected;
	/** @type {Photo[]} */
	const found = [];
	let total = label ? most : 0;
	while (found.length < (like ? total : Math.min(total, most))) {
		const part = await get("teach/photos", { label, start: found.length, count: PAGE });
		total = part?.total ?? 0;
		if (!part?.photos.length) break;
		found.push(...part.photos);
	}
	const some = found.filter(({ looks_like }) => !like || looks_like === like);
	photos.show(some.map(cell));
	write("photos-title", like ? say("likeTitle", { label, like }) : label);
	show("photos-none", !some.length);
	show("photos-more", like || found.length < total);
}

/** @param {Photo} photo @returns {Cell} */
function cell({ id, label, looks_like, twin }) {
	const mark = looks_like ? `${looks_like}?` : twin ? say("twin") : "";
	const words = say("photoOf", { label });
	return { id, url: address("teach/thumbnail", { id }), large: address("teach/photo", { id }), words, mark };
}

/** Show the photos of a class, or those that look like another one. @param {string} label @param {string} [other] */
export function look(label, other = "") {
	[shown, like] = [label, other];
	select(label, "teach");
}

/** Move photos. @param {string[]} ids @param {string} to @param {string} from the class to undo it into */
export const move = (ids, to, from) =>
	change("move", { ids, to }, say("moved", { n: ids.length, label: to }), "move", { to: from });

/** @param {string[]} ids */
export const remove = (ids) => change("remove", { ids }, say("removed", { n: ids.length }), "restore", {});

/** @param {string} action @param {object} body @param {string} words @param {string} back @param {object} more */
async function change(action, body, words, back, more) {
	const done = await act(`teach/photos/${action}`, body);
	if (!done) return;
	photos.clear();
	message(words, () => act(`teach/photos/${back}`, { ids: done.ids, ...more }));
}

const target = $("photos-move", HTMLSelectElement);
target.onchange = () => move(photos.chosen(), target.value, selected);
$("photos-remove").onclick = () => remove(photos.chosen());
$("photos-more").onclick = () => {
	if (!like) most += PAGE;
	look(selected);
};

changes.push(() => {
	sync("photos-move", ["", ...labels()], (value) => make("option", { value }, value || say("moveTo")));
	target.value = "";
	if (shown !== selected) {
		[shown, like, most] = [selected, "", PAGE];
		photos.clear();
	}
});
whenOpen("teach", signature, load);
