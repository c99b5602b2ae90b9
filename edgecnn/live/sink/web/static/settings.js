/** The variant of the model, and the settings of the answer; each takes effect immediately. */

import { act } from "./api.js";
import { $, make, paced, percent, show, sync, write } from "./dom.js";
import { statuses } from "./stream.js";
import { caption, hint, say } from "./text.js";

/** Name, least, most, step, and how a value is written. @type {["threshold" | "smooth" | "hold", number, number, number, (value: number) => string][]} */
const SLIDERS = [
	["threshold", 0, 1, 0.005, (value) => (value ? percent(value, 1) : say("off"))],
	["smooth", 0, 0.99, 0.01, percent],
	["hold", 1, 20, 1, String],
];
/** Milliseconds after a change in which the server's settings may still be the old ones. */
const SETTLE_MS = 800;

/** @type {Partial<Settings>} */
let wanted = {};
let touched = -SETTLE_MS;

/** Of the changes during a request only the last is sent. */
const apply = paced(() => {
	const changes = wanted;
	wanted = {};
	return act("settings", changes);
}, 0);

for (const [name, min, max, step, words] of SLIDERS) {
	const input = make("input", { type: "range", id: `set-${name}`, min, max, step });
	input.oninput = () => {
		touched = performance.now();
		wanted[name] = Number(input.value);
		write(`is-${name}`, words(Number(input.value)));
		apply();
	};
	const label = make("label", { htmlFor: input.id }, caption(name), make("output", { id: `is-${name}` }));
	$("sliders").append(label, input);
}

statuses.push(({ settings, stats, latency_by_variant }) => {
	show("variants", stats.variants.length > 1);
	sync(
		"variants",
		stats.variants,
		(name) =>
			make("button", { title: hint(name), onclick: () => act("variant", name) }, make("b", {}, name), make("small")),
		(element, name) => {
			const ms = latency_by_variant[name]?.p50;
			element.ariaPressed = `${name === stats.variant}`;
			element.lastElementChild?.replaceChildren(ms ? `${ms.toFixed(2)} ms` : say("notRun"));
		},
	);
	if (performance.now() - touched < SETTLE_MS) return;
	for (const [name, , , , words] of SLIDERS) {
		$(`set-${name}`, HTMLInputElement).value = `${settings[name]}`;
		write(`is-${name}`, words(settings[name]));
	}
});
