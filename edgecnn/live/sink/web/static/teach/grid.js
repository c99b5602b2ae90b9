/** A grid of images, of which many can be selected; a range with the shift key. */

import { $, button, make, sync, write } from "../dom.js";
import { ask } from "../message.js";
import { say } from "../text.js";

/** @param {string} name of its list; what is in `NAME-tools` is shown while something is selected, and has its place before */
export function grid(name) {
	/** @type {string[]} */
	let chosen = [];
	/** @type {Cell[]} */
	let cells = [];
	let last = "";
	const tools = $(`${name}-tools`);

	/** @param {string[]} ids */
	function choose(ids) {
		chosen = cells.map(({ id }) => id).filter((id) => ids.includes(id));
		sync(name, cells, create, (element, { id, mark = "" }) => {
			const [look, box] = element.children;
			look?.lastElementChild?.replaceChildren(mark);
			/** @type {HTMLInputElement} */ (box).checked = chosen.includes(id);
		});
		tools.inert = !chosen.length;
		write(`${name}-count`, say("selected", { n: chosen.length }));
	}

	/** Select one or not; or all from the one before to this one, which the tools don't cover. @param {string} id @param {boolean} isRange */
	function toggle(id, isRange) {
		const ids = cells.map((cell) => cell.id);
		const ends = [ids.indexOf(isRange ? last : id), ids.indexOf(id)].sort((one, other) => one - other);
		const [from = 0, to = 0] = ends;
		const some = ids.slice(Math.max(0, from), to + 1);
		last = id;
		choose(chosen.includes(id) ? chosen.filter((one) => !some.includes(one)) : [...chosen, ...some]);
		$(name).children[ids.indexOf(id)]?.scrollIntoView({ block: "nearest" });
	}

	/** @param {Cell} cell */
	function create({ id, url, large, words: alt }) {
		const look = make("button", { title: alt }, make("img", { src: url, alt, loading: "lazy" }), make("span"));
		look.onclick = async ({ shiftKey }) => {
			const isAsked = !chosen.length && !shiftKey;
			if (!isAsked || (await ask(alt, [make("img", { src: large, alt })], "select"))) toggle(id, shiftKey);
		};
		const box = make("input", { type: "checkbox", ariaLabel: say("selectOne", { alt }) });
		box.onclick = ({ shiftKey }) => toggle(id, shiftKey);
		return make("li", {}, look, box);
	}

	tools.prepend(make("b", { id: `${name}-count` }));
	tools.append(
		button(say("all"), () => choose(cells.map(({ id }) => id))),
		button(say("none"), () => choose([])),
	);

	return {
		chosen: () => chosen,
		clear: () => choose([]),
		/** @param {Cell[]} next */
		show(next) {
			cells = next;
			choose(chosen);
		},
	};
}
