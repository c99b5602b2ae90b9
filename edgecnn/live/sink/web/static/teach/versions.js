/** Versions: keep what is taught, compare it with older ones, go back, download. */

import { act, address, get, post } from "../api.js";
import { $, button, make, onSubmit, percent, show, sync } from "../dom.js";
import { ask, message } from "../message.js";
import { LOCALE, say } from "../text.js";
import { interval } from "./report.js";
import { changes, state, update } from "./state.js";

/**
 * Keep a version, or use one. Before a worse one replaces the current one, the user is asked.
 * @param {"keep" | "current"} action
 * @param {string} name
 */
async function settle(action, name) {
	const path = "teach/versions/";
	try {
		await post(path + action, { name, even_if_worse: false });
		return message(say(action === "keep" ? "keptIt" : action));
	} catch (error) {
		const { message: why, cause } = /** @type {Error} */ (error);
		if (cause !== 409) return message(why);
		update((await get("teach/state")) ?? state);
		// A new version that is worse is kept, and not used.
		const fresh = action === "keep" ? state.kept[0]?.name : name;
		if (!(await ask(say("worse"), [why], "evenSo"))) return null;
		return (await act(`${path}current`, { name: fresh, even_if_worse: true })) && message(say("current"));
	}
}

/** @param {Version} version */
function row({ name }) {
	const use = button(say("use"), () => settle("current", name));
	const compare = button(say("compare"), () => against(name));
	const links = ["bundle.zip", "model.tflite"].map((file) =>
		make("a", { className: "button", href: address(`teach/versions/${file}`, { name }), download: "" }, file),
	);
	const tools = make("div", { className: "row" }, use, compare, ...links);
	return make("li", {}, make("h3"), make("p", { className: "quiet" }), tools);
}

/** @param {HTMLElement} element @param {Version} version */
function fill(element, version) {
	const { name, current, accuracy, bytes } = version;
	const [title, facts] = element.children;
	const made = new Date(version.made).toLocaleString(LOCALE, { dateStyle: "medium", timeStyle: "short" });
	const judged = accuracy === null ? say("notJudged") : `${percent(accuracy)} (${interval(version)})`;
	title?.replaceChildren(current ? say("currentName", { name }) : name);
	facts?.replaceChildren(say("facts", { ...version, made, judged, size: (bytes / 1e6).toFixed(1) }));
	for (const action of element.querySelectorAll("button")) action.hidden = current;
}

/** Compare a version with the current one, on the same photos. @param {string} name */
async function against(name) {
	const now = state.kept.find(({ current }) => current)?.name ?? name;
	const found = /** @type {Comparison | null} */ (await get("teach/versions/compare", { a: now, b: name }));
	if (!found) return;
	const lines = [found.a, found.b].flatMap(({ name, on_these: on }) =>
		on ? [make("p", {}, say("compared", { name, share: percent(on.accuracy, 1), interval: interval(on) }))] : [],
	);
	if (await ask(say("comparison", { n: found.photos }), [...lines, found.note], "use")) settle("current", name);
}

onSubmit("keep", async (name) => {
	const keep = $("keep-now", HTMLButtonElement);
	keep.disabled = true;
	message(say("keeping"));
	await settle("keep", name);
	keep.disabled = false;
});

changes.push(({ kept, knows }) => {
	show("keep", knows !== "nothing");
	sync("kept", kept, row, fill);
});
