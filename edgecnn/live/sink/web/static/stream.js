/** The connection: events and images of the run, and what the page says while there are none. */

import { address } from "./api.js";
import { $, write } from "./dom.js";
import { say } from "./text.js";

/** Milliseconds without a result until the page says so, and until it connects again. */
const QUIET_MS = 5000;
const RETRY_MS = 2000;

/** @type {Listeners<Status>} */
export const statuses = [];
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
	for (const listener of losses) listener();
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
	source.onmessage = ({ data }) => {
		const status = /** @type {Status} */ (JSON.parse(data));
		if (status.stats.paused) tell(say("paused"));
		else expect();
		for (const listener of statuses) listener(status);
	};
	source.addEventListener("cameras", ({ data }) => {
		for (const listener of lists) listener(JSON.parse(data));
	});
	source.addEventListener("teach", ({ data }) => {
		for (const listener of teachings) listener(JSON.parse(data));
	});
	source.addEventListener("end", () => {
		hasEnded = true;
		tell(say("ended"), true);
	});
	source.onerror = async () => {
		if (!hasEnded) tell(say("lost"), true);
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
	tell("", isStale);
	quiet = setTimeout(tell, QUIET_MS, say("noFrame"), true);
}

/** Say what the connection does; stale: the answer is no longer what the camera sees. @param {string} words */
function tell(words, isStale = false) {
	clearTimeout(quiet);
	write("notice", words);
	document.body.classList.toggle("stale", isStale);
	if (isStale) for (const listener of losses) listener();
}

// A browser has six connections to a machine, and a hidden page would use two of them.
document.addEventListener("visibilitychange", () => (document.hidden ? leave() : follow()));
addEventListener("pagehide", leave);
image.onerror = () => setTimeout(() => document.hidden || play(), RETRY_MS);
