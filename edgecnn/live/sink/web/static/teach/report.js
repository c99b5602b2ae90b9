/** How good it is: accuracy, learning curve, confusions with their photos, and photos to fix. */

import { address, get } from "../api.js";
import { $, button, make, percent, show, sync, write } from "../dom.js";
import { say } from "../text.js";
import { curve } from "./curve.js";
import { look, move, remove } from "./photos.js";
import { changes, state, whenOpen } from "./state.js";

/** @param {{ low: number | null, high: number | null }} measured */
export const interval = ({ low, high }) => `${Math.round(100 * (low ?? 0))}–${percent(high ?? 1)}`;

async function load() {
	if (!state.judged) return;
	const report = /** @type {Appraisal | null} */ (await get("teach/report"));
	if (!report) return;
	const { useful, mislabelled, doubled } = report;
	write("accuracy", percent(report.accuracy));
	write("interval", say("interval", { interval: interval(report), n: report.photos }));
	write("advice", useful?.text ?? report.advice);
	show("record", useful);
	$("record").onclick = () => look(useful?.label ?? "");
	$("curve", SVGElement).innerHTML = curve(report.curve);
	confuse(report);
	sync("wrong", [...mislabelled, ...doubled], fix);
	show("fixes", mislabelled.length || doubled.length);
}

/** @param {Appraisal["mislabelled"][0] | Appraisal["doubled"][0]} item */
function fix(item) {
	const isTwin = "twin" in item;
	const ids = isTwin ? [item.id, item.twin] : [item.id];
	const words = isTwin ? say("doubled") : say("looksWrong", { ...item, share: percent(item.score) });
	const action = isTwin
		? button(say("removeOne"), () => remove([item.id]))
		: button(say("moveThere", item), () => move(ids, item.looks_like, item.label));
	const images = ids.map((id) => make("img", { src: address("teach/thumbnail", { id }), alt: "" }));
	return make("li", { className: "row" }, ...images, make("span", {}, words), action);
}

/** @param {Appraisal} report */
function confuse({ labels, confusion, by_class }) {
	const head = ["", ...labels, say("found")].map((words) => make("th", { scope: "col" }, words));
	const rows = confusion.map((counts, truth) => {
		const label = labels[truth] ?? "";
		const cells = counts.map((n, answer) => {
			const [like = "", isRight] = [labels[answer], answer === truth];
			const ariaLabel = say("cell", { n, label, like });
			const more = { ariaLabel, className: isRight ? "good" : "bad" };
			return make("td", {}, n ? button(`${n}`, () => look(label, isRight ? "" : like), more) : "");
		});
		const recall = by_class.find((one) => one.label === label)?.recall ?? 0;
		return make("tr", {}, make("th", { scope: "row" }, label), ...cells, make("td", {}, percent(recall)));
	});
	$("confusion").replaceChildren(make("tr", {}, ...head), ...rows);
}

changes.push(({ judged, busy }) => {
	show("outdated", busy);
	show("judged", judged);
	show("unjudged", !judged);
});
whenOpen("report", () => [state.judged, state.classes], load);
