/** The buttons on the image, a tab for each of several cameras with its newest answer, and the explanations of numbers. */

import { act, address } from "./api.js";
import { $, button, show, sync, write } from "./dom.js";
import { camera, follow, lists, statuses } from "./stream.js";
import { say } from "./text.js";

const [pause, full] = [$("pause"), $("full")];

statuses.push(({ stats: { paused } }) => {
	pause.ariaPressed = `${paused}`;
	pause.title = say(paused ? "resume" : "pause");
	pause.onclick = () => act("pause", paused ? "off" : "on");
});

show("full", document.fullscreenEnabled);
full.onclick = () => (document.fullscreenElement ? document.exitFullscreen() : $("now").requestFullscreen());
document.onfullscreenchange = () => {
	full.ariaPressed = `${!!document.fullscreenElement}`;
};

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

// A phone shows no title, so what it says is written out when it is tapped.
document.addEventListener("click", ({ target }) => {
	const named = target instanceof Element && target.closest("span[title]");
	write("explained", named ? `${named.textContent}: ${named.getAttribute("title")}` : "");
});
