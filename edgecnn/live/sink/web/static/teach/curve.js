/** The learning curve as SVG. */

/** Its size, in its own units. */
const [WIDTH, HEIGHT] = [300, 100];

/** The inside of the SVG element: of numbers alone. @param {Measured[]} points */
export function curve(points) {
	const most = Math.max(1, ...points.map(({ photos }) => photos));
	const y = (/** @type {number} */ share) => (HEIGHT * (1 - share)).toFixed(1);
	const dots = points.map((point) => ({ ...point, x: ((WIDTH * point.photos) / most).toFixed(1) }));
	const join = (/** @type {"accuracy" | "low" | "high"} */ name) => dots.map((dot) => `${dot.x},${y(dot[name])}`);
	const parts = [0, 0.5, 1].map(
		(share) => `<path d="M0,${y(share)}h${WIDTH}"/><text x="-4" y="${y(share - 0.04)}">${100 * share}</text>`,
	);
	parts.push(`<polygon points="${[...join("high"), ...join("low").reverse()].join(" ")}"/>`);
	parts.push(`<polyline points="${join("accuracy").join(" ")}"/>`);
	let right = Number.POSITIVE_INFINITY;
	for (const { x, accuracy, photos } of dots.reverse()) {
		parts.push(`<circle r="3" cx="${x}" cy="${y(accuracy)}"/>`);
		// A label that would touch its neighbor is left out.
		if (right - Number(x) < 24) continue;
		parts.push(`<text class="count" x="${x}" y="114">${+photos}</text>`);
		right = Number(x);
	}
	return parts.join("");
}
