/** Several cameras: a tab for each, with its newest answer. */

import { address } from "./api.js";
import { $, button, show, sync } from "./dom.js";
import { camera, follow, lists } from "./stream.js";
import { say } from "./text.js";

lists.push((cameras) => {
	show("cameras", true);
	$("snapshot", HTMLAnchorElement).href = address("snapshot.png", { camera });
	sync(
		"cameras",
		cameras.map((one, at) => ({ ...one, id: `${at}` })),
		({ id }) => button("", () => follow(Number(id))),
		(element, { id, source, shown }) => {
			element.ariaPressed = `${Number(id) === camera}`;
			element.textContent = `${source}: ${shown ?? say("noFrame")}`;
		},
	);
});
