/** The tools of teaching, around the live view. */

import "./classes.js";
import "./photos.js";
import "./report.js";
import "./review.js";
import "./versions.js";
import { show } from "../dom.js";
import { teachings } from "../stream.js";
import { select, selected, update } from "./state.js";

/** @param {Teach} first */
export function start(first) {
	document.body.classList.add("teaching");
	show("tabs", true);
	teachings.push(update);
	update(first);
	select(selected);
}
