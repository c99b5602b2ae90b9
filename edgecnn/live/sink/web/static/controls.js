/** The buttons on the image, and the explanations of numbers. */

import { act } from "./api.js";
import { $, show, write } from "./dom.js";
import { statuses } from "./stream.js";
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

// A phone shows no title, so what it says is written out when it is tapped.
document.addEventListener("click", ({ target }) => {
	const named = target instanceof Element && target.closest("span[title]");
	write("explained", named ? `${named.textContent}: ${named.getAttribute("title")}` : "");
});
