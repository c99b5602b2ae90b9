/** Photos from files: chosen or dropped, sent one after another. */

import { act } from "../api.js";
import { $ } from "../dom.js";
import { message } from "../message.js";
import { say } from "../text.js";
import { selected } from "./state.js";

/** @param {Iterable<File>} files @param {string} label */
async function add(files, label) {
	const images = [...files].filter(({ type }) => type.startsWith("image/"));
	let n = 0;
	for (const [at, file] of images.entries()) {
		message(say("adding", { at: at + 1, of: images.length, label }));
		if (await act("teach/photos/add", file, { label, name: file.name })) n += 1;
	}
	if (n === images.length) message(say("added", { n, label }));
}

/** Let files be dropped on an element. @param {HTMLElement} element @param {() => string} labelOf */
export function accept(element, labelOf) {
	element.ondragover = element.ondrop = (event) => {
		if (!event.dataTransfer?.types.includes("Files") || !labelOf()) return;
		event.preventDefault();
		element.classList.toggle("over", event.type === "dragover");
		if (event.type === "drop") add(event.dataTransfer.files, labelOf());
	};
	element.ondragleave = () => element.classList.remove("over");
}

const input = $("files", HTMLInputElement);
input.onchange = () => {
	add([...(input.files ?? [])], selected);
	input.value = "";
};
accept($("photos"), () => selected);
