/** Messages to the user. */

import { $, button } from "./dom.js";
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
