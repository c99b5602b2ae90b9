/** The connection: events and images of the run, and what the page says while there are none. */

import { address } from "./api.js";
import { $, tell, write } from "./dom.js";
import { say } from "./text.js";

/** Milliseconds without a result until the page says so, and until it connects again. */
const QUIET_MS = 5000;
const RETRY_MS = 2000;

/** @type {Listeners<Status>} */
export const statuses = [({ stats }) => (stats.paused ? note(say("paused")) : expect())];
/** All cameras, where there are several, once a second. @type {Listeners<CameraAnswer[]>} */
export const lists = [];
/** @type {Listeners<Teach>} */
export const teachings = [];
/** The page no longer sees the run: it is hidden, closed or without a connection. @type {Listeners<void>} */
export const losses = [];

const image = $("picture", HTMLImageElement);
/** @type {EventSource | undefined} */
let events;
let quiet = 0;
let hasEnded = false;
/** The number of the camera that the page shows. */
export let camera = 0;

function leave() {
	clearTimeout(quiet);
	events?.close();
	image.removeAttribute("src");
	tell(losses);
}

/** Show a camera, or the same one again. */
export function follow(number = camera) {
	camera = number;
	leave();
	const source = new EventSource(address("events", { camera }));
	events = source;
	source.onopen = () => {
		play(); // an image stream that broke off does not resume
		hasEnded = false;
		expect(true); // what the page shows is older, or another camera's
	};
	for (const [name, listeners] of Object.entries({ message: statuses, cameras: lists, teach: teachings })) {
		source.addEventListener(name, ({ data }) => tell(listeners, JSON.parse(data)));
	}
	source.addEventListener("end", () => {
		hasEnded = true;
		note(say("ended"), true);
	});
	source.onerror = async () => {
		if (!hasEnded) note(say("lost"), true);
		// The browser connects again, unless the server answered with a refusal.
		if (source.readyState !== EventSource.CLOSED) return;
		const health = await fetch("healthz").catch(() => null);
		if (health?.status === 401) location.reload();
		else setTimeout(follow, RETRY_MS);
	};
}

function play() {
	if (events?.readyState === EventSource.OPEN) image.src = address("stream.mjpg", { camera, at: Date.now() });
}

/** Say nothing while results come. */
function expect(isStale = false) {
	note("", isStale);
	quiet = setTimeout(note, QUIET_MS, say("noFrame"), true);
}

/** Say what the connection does; stale: the answer is no longer what the camera sees. @param {string} words */
function note(words, isStale = false) {
	clearTimeout(quiet);
	write("notice", words);
	document.body.classList.toggle("stale", isStale);
	if (isStale) tell(losses);
}

// A browser has six connections to a machine, and a hidden page would use two of them.
document.addEventListener("visibilitychange", () => (document.hidden ? leave() : follow()));
addEventListener("pagehide", leave);
image.onerror = () => setTimeout(() => document.hidden || play(), RETRY_MS);
