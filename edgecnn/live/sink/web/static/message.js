/** Messages to the user, and questions, one at a time. */

import { $, button, make } from "./dom.js";
import { say } from "./text.js";

/** Milliseconds that a message is shown. */
const MESSAGE_MS = 8000;

let fading = 0;

/**
 * Show a message for some seconds, with a button that takes back what it says.
 * @param {string} words
 * @param {() => unknown} [undo]
 */
export function message(words, undo) {
	const hide = () => $("message").replaceChildren();
	clearTimeout(fading);
	$("message").replaceChildren(words, ...(undo ? [button(say("undo"), () => [hide(), undo()])] : []));
	fading = setTimeout(hide, MESSAGE_MS);
}

/**
 * Ask a question, and return the chosen action, "" if it was closed. The first action is the usual one.
 * @param {string} title
 * @param {(Node | string)[]} content
 * @param {import("./text.js").Key[]} actions
 * @returns {Promise<string>}
 */
export function ask(title, content, ...actions) {
	const dialog = $("dialog", HTMLDialogElement);
	const buttons = actions.map((value) => make("button", { value }, say(value)));
	const cancel = button(say("cancel"), () => dialog.close(""));
	const row = make("div", { className: "row" }, ...buttons, cancel);
	const form = make("form", { method: "dialog" }, make("h2", {}, title), ...content, row);
	dialog.replaceChildren(form);
	dialog.returnValue = "";
	dialog.showModal();
	return new Promise((resolve) => {
		dialog.onclose = () => resolve(dialog.returnValue);
	});
}
