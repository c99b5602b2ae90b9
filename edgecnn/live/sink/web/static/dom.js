/** Find, make and update elements. */

/**
 * The element with an id; its kind is checked.
 * @template {Element} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [kind]
 * @returns {T}
 */
export function $(id, kind) {
	const found = document.getElementById(id);
	if (!(found instanceof (kind ?? HTMLElement))) throw new Error(`no ${id} of that kind`);
	return /** @type {any} */ (found);
}

/** Write a text, unless it is there already. @param {string} id @param {string} words */
export function write(id, words) {
	if ($(id).textContent !== words) $(id).textContent = words;
}

/** @param {string} id @param {unknown} isShown */
export function show(id, isShown) {
	$(id).hidden = !isShown;
}

/**
 * A new element with its properties and children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {object} properties
 * @param {(Node | string)[]} children
 */
export function make(name, properties = {}, ...children) {
	const element = Object.assign(document.createElement(name), properties);
	element.append(...children);
	return element;
}

/** @param {string} words @param {() => unknown} onclick @param {object} [more] */
export const button = (words, onclick, more) => make("button", { type: "button", onclick, ...more }, words);

/** Call with what was typed into a form, each time it is sent. @param {string} id @param {(words: string) => unknown} task */
export function onSubmit(id, task) {
	const form = $(id, HTMLFormElement);
	form.onsubmit = (event) => {
		event.preventDefault();
		const words = form.querySelector("input")?.value.trim();
		form.reset();
		task(words ?? "");
	};
}

/** Call each of them. @param {Listeners<any>} listeners @param {unknown} [value] */
export function tell(listeners, value) {
	for (const listener of listeners) listener(value);
}

/**
 * Give an element one child for each item. Those whose item remains, by its id, label or name, are kept.
 * @template {string | { id?: string, label?: string, name?: string }} T
 * @template {HTMLElement} E
 * @param {string} id
 * @param {T[]} items
 * @param {(item: T) => E} create
 * @param {(element: E, item: T) => void} [update]
 */
export function sync(id, items, create, update) {
	const parent = $(id);
	const old = new Map([...parent.children].map((child) => [/** @type {E} */ (child).dataset.key, child]));
	let next = parent.firstElementChild;
	for (const item of items) {
		const key = typeof item === "string" ? item : (item.id ?? item.label ?? item.name);
		const element = /** @type {E} */ (old.get(key) ?? create(item));
		old.delete(key);
		element.dataset.key = key;
		update?.(element, item);
		if (element === next) next = element.nextElementSibling;
		else parent.insertBefore(element, next);
	}
	for (const element of old.values()) element.remove();
}

/**
 * A function that runs `task`, one at a time and `ms` apart. Calls meanwhile make it run once more.
 * @param {() => Promise<unknown>} task
 * @param {number} ms
 */
export function paced(task, ms) {
	let [isAsked, isBusy] = [false, false];
	return async () => {
		isAsked = true;
		if (isBusy) return;
		isBusy = true;
		while (isAsked) {
			isAsked = false;
			await task();
			await new Promise((resolve) => setTimeout(resolve, ms));
		}
		isBusy = false;
	};
}

/** @param {number} share @param {number} [digits] */
export const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;
