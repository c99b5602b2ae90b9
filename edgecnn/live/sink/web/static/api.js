/** Requests to the server's HTTP API. */

import { message } from "./message.js";
import { say } from "./text.js";

/** The most bytes of an uploaded image. */
const MOST_UPLOAD = 16 * 2 ** 20;

/** @param {string} path @param {Record<string, any>} [query] */
export const address = (path, query) => `api/v1/${path}${query ? `?${new URLSearchParams(query)}` : ""}`;

/**
 * Rejects with a line for the user, whose `cause` is the status; 0 without a connection.
 * @param {string} url
 * @param {RequestInit} [options]
 * @returns {Promise<any>}
 */
async function ask(url, options) {
	const answer = await fetch(url, options).catch(() => null);
	if (answer?.ok) return answer.json();
	throw new Error(answer ? await answer.text() : say("noConnection"), { cause: answer?.status ?? 0 });
}

/**
 * Send text, an image or JSON; what stops something arrives when the page closes, too.
 * @param {string} path
 * @param {string | Blob | object} body
 * @param {Record<string, any>} [query]
 */
export async function post(path, body, query) {
	if (body instanceof File && body.size > MOST_UPLOAD) throw new Error(say("tooLarge", { name: body.name }));
	const isJson = typeof body === "object" && !(body instanceof Blob);
	const content = isJson ? new Blob([JSON.stringify(body)], { type: "application/json" }) : body;
	return ask(address(path, query), { method: "POST", body: content, keepalive: path.endsWith("stop") });
}

/** Show the user why it failed. @param {Error} error */
function fail(error) {
	message(error.message);
	return null;
}

/** Null if it failed, as `act`. @param {string} path @param {Record<string, any>} [query] */
export const get = (path, query) => ask(address(path, query)).catch(fail);

/** @param {Parameters<typeof post>} request */
export const act = (...request) => post(...request).catch(fail);
