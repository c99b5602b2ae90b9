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
teachings.push(async (state) => (await import("./teach/teach.js")).update(state));
follow();
