/** The tools of teaching, around the live view; loaded with the first state. */

import "./classes.js";
import "./photos.js";
import "./report.js";
import "./review.js";
import "./versions.js";
import { show } from "../dom.js";
import { open, update } from "./state.js";

document.body.classList.add("teaching");
show("tabs", true);
open("teach");

export { update };
