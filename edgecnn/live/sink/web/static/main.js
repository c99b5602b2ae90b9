/** Starts the page: the live view, and the tools of teaching where the server has them. */

import "./answer.js";
import "./controls.js";
import "./figures.js";
import "./history.js";
import "./settings.js";
import "./upload.js";
import { follow, teachings } from "./stream.js";
import { translate } from "./text.js";

translate();
/** @type {Teach | undefined} */
let latest;
teachings.push(async (state) => {
	const isFirst = !latest;
	latest = state;
	if (isFirst) (await import("./teach/teach.js")).start(latest);
});
follow();
