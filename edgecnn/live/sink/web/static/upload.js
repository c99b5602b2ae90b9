/** Classify a photo: choose it, see it small, read its label. */

import { words } from "./answer.js";
import { act } from "./api.js";
import { $, show, write } from "./dom.js";
import { say } from "./text.js";

/** The width of the photo on the page, in pixels. */
const WIDTH = 192;

const input = $("upload", HTMLInputElement);
input.onchange = async () => {
	const file = input.files?.[0];
	if (!file) return;
	const name = file.name;
	show("uploaded", true);
	write("verdict", `${name} …`);
	write("runners", "");
	draw(file);
	input.value = "";
	const result = await act("classify", file);
	const [first, ...others] = /** @type {Prediction[]} */ (result?.predictions ?? []);
	const best = first && words(first, result.unknown);
	write("verdict", say(best ? "classified" : "notClassified", { name, best }));
	write("runners", others.map((one) => words(one)).join(", "));
	$("uploaded").scrollIntoView({ block: "nearest" });
};

/** Draw it small: the photo may have more pixels than a phone can spare. @param {File} file */
async function draw(file) {
	const canvas = $("thumbnail", HTMLCanvasElement);
	canvas.width = canvas.height = 1;
	const image = await createImageBitmap(file, { resizeWidth: WIDTH }).catch(() => null);
	if (!image) return;
	Object.assign(canvas, { width: image.width, height: image.height });
	canvas.getContext("2d")?.drawImage(image, 0, 0);
	image.close();
}
