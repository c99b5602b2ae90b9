/** What is taught, as the server says; which class and which tab are selected on this page. */

import { $, button, make, paced, sync, tell } from "../dom.js";
import { say } from "../text.js";

/** @type {import("../text.js").Key[]} */
const TABS = ["teach", "report", "review", "versions", "settings"];

/** @type {Listeners<Teach>} */
export const changes = [];
/** The newest state; it is set before anything reads it. @type {Teach} */
export let state;
/** The class that is shown and recorded into, "" without classes. */
export let selected = "";
export let tab = "teach";

export const labels = () => state.classes.map(({ label }) => label);

/** @param {Teach} next */
export function update(next) {
	state = next;
	if (!labels().includes(selected)) selected = labels()[0] ?? "";
	tell(changes, state);
}

/** @param {import("../text.js").Key} name */
function create(name) {
	const element = button(say(name), () => select(selected, name));
	if (name === "review") element.append(make("b", { id: "reviews" }));
	return element;
}

/** Show a tab. @param {string} name */
export function open(name) {
	tab = name;
	sync("tabs", TABS, create, (element, each) => {
		element.ariaCurrent = each === tab ? "page" : "false";
	});
	for (const part of parts) part.hidden = part.dataset.tab !== tab;
}

/** @param {string} label @param {string} [name] of a tab */
export function select(label, name = tab) {
	selected = label;
	open(name);
	update(state);
}

/**
 * A function that loads what a tab shows; it is also called where the tab is open and its signature has changed.
 * @param {string} name
 * @param {() => unknown} signature
 * @param {() => Promise<unknown>} task
 */
export function whenOpen(name, signature, task) {
	let seen = "";
	const sign = () => JSON.stringify(signature());
	const load = paced(() => {
		seen = sign();
		return task();
	}, 700);
	changes.push(() => tab === name && sign() !== seen && load());
	return load;
}

const parts = /** @type {HTMLElement[]} */ ([...$("rest").children]);
