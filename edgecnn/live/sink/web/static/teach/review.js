/** Review: the frames that the model was least sure about, labelled many at a time. */

import { act, address, get } from "../api.js";
import { $, button, percent, sync, write } from "../dom.js";
import { message } from "../message.js";
import { say } from "../text.js";
import { grid } from "./grid.js";
import { remove } from "./photos.js";
import { changes, labels, state, whenOpen } from "./state.js";

/** Frames that are shown at a time. */
const COUNT = 60;

const frames = grid("review-grid");

const load = whenOpen(
	"review",
	() => state.review,
	async () => {
		const found = await get("teach/review", { start: 0, count: COUNT });
		// Not while someone aims at one.
		if (found && !frames.chosen().length) frames.show(found.frames.map(cell));
	},
);

/** @param {Unsure} frame */
function cell({ id, t, label, score }) {
	const url = address("teach/review/frame", { id });
	const mark = `${label}? ${percent(score)}`;
	return { id, url, large: url, mark, words: say("unsure", { mark, n: Math.round(t / 60) }) };
}

/** @param {string} action @param {{ label?: string }} [more] */
async function settle(action, more = {}) {
	const ids = frames.chosen();
	const done = await act(`teach/review/${action}`, { ids, ...more });
	if (!done) return;
	const n = ids.length;
	if (more.label) message(say("labelled", { n, ...more }), () => remove(done.ids));
	else message(say("gone", { n }));
	frames.clear();
	load();
}

$("review-drop").onclick = () => settle("drop");

changes.push(({ review }) => {
	write("reviews", review > 99 ? "99+" : review ? `${review}` : "");
	sync("review-labels", labels(), (label) => button(label, () => settle("label", { label })));
});
