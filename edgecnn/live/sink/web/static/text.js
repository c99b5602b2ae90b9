/** The language of the page. A translation is one file, named here. */

import { make } from "./dom.js";
import { text } from "./text.en.js";

export const LOCALE = "en";

/** @typedef {keyof typeof text} Key */

/**
 * A text of the page with its values; `n` chooses between singular and plural.
 * @param {Key} key
 * @param {Record<string, any>} [values]
 */
export function say(key, values = {}) {
	const [one = "", many = one] = text[key].split("|");
	return (values.n === 1 ? one : many).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** The explanation of a name, "" if there is none. @param {string} name */
export const hint = (name) => /** @type {Record<string, string>} */ (text)[`${name}Hint`] ?? "";

/** A name that explains itself. @param {string} name @param {string} [words] */
export const caption = (name, words = say(/** @type {Key} */ (name))) => make("span", { title: hint(name) }, words);

/** Write the texts that the page's elements name: their content, or their name for screen readers. */
export function translate() {
	for (const element of /** @type {NodeListOf<HTMLInputElement>} */ (
		document.querySelectorAll("[data-say], [data-aria]")
	)) {
		const { say: content, aria } = /** @type {Record<string, Key>} */ (element.dataset);
		const title = hint(content ?? "");
		if (content) element.textContent = say(content);
		if (title) element.title = title;
		if (aria) element.ariaLabel = element.placeholder = say(aria);
		if (aria && element.matches("a, button")) element.title = say(aria);
	}
}
