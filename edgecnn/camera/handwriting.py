"""Draws digits that look handwritten, from our own splines; no image of any dataset is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Stroke = tuple[tuple[float, float], ...]
    Glyph = tuple[Stroke, ...]

# Each digit's ways of being written: strokes of points (x right, y down, 0 to 1) that a smooth line goes
# through. A sharp corner is where one stroke ends and the next begins.
GLYPHS: dict[str, tuple[Glyph, ...]] = {
    "0": (
        (
            (
                (0.55, 0.0),
                (0.2, 0.15),
                (0.06, 0.5),
                (0.2, 0.88),
                (0.52, 1.0),
                (0.82, 0.85),
                (0.94, 0.5),
                (0.82, 0.14),
                (0.5, 0.0),
            ),
        ),
        (
            (
                (0.62, 0.04),
                (0.3, 0.1),
                (0.1, 0.45),
                (0.15, 0.85),
                (0.45, 1.0),
                (0.78, 0.8),
                (0.9, 0.4),
                (0.72, 0.06),
                (0.5, 0.02),
            ),
        ),
    ),
    "1": (
        (((0.52, 0.0), (0.5, 0.5), (0.48, 1.0)),),
        (((0.28, 0.22), (0.54, 0.0)), ((0.54, 0.0), (0.52, 0.5), (0.5, 1.0))),
    ),
    "2": (
        (
            ((0.14, 0.25), (0.3, 0.05), (0.62, 0.01), (0.84, 0.22), (0.7, 0.5), (0.4, 0.78), (0.1, 0.98)),
            ((0.1, 0.98), (0.5, 0.97), (0.92, 0.98)),
        ),
        (
            (
                (0.15, 0.2),
                (0.42, 0.0),
                (0.76, 0.1),
                (0.78, 0.38),
                (0.5, 0.72),
                (0.2, 0.93),
                (0.08, 0.85),
                (0.22, 0.76),
                (0.5, 0.9),
                (0.92, 0.97),
            ),
        ),
    ),
    "3": (
        (
            ((0.15, 0.12), (0.45, 0.0), (0.8, 0.14), (0.74, 0.38), (0.4, 0.47)),
            ((0.4, 0.47), (0.78, 0.56), (0.88, 0.8), (0.55, 1.0), (0.12, 0.9)),
        ),
        (
            (
                (0.14, 0.08),
                (0.5, 0.02),
                (0.78, 0.2),
                (0.62, 0.42),
                (0.42, 0.48),
                (0.7, 0.54),
                (0.86, 0.76),
                (0.6, 0.98),
                (0.12, 0.92),
            ),
        ),
    ),
    "4": (
        (
            ((0.22, 0.02), (0.16, 0.3), (0.1, 0.55)),
            ((0.1, 0.55), (0.5, 0.54), (0.94, 0.52)),
            ((0.74, 0.02), (0.7, 0.5), (0.66, 1.0)),
        ),
        (
            ((0.68, 0.0), (0.36, 0.35), (0.06, 0.66)),
            ((0.06, 0.66), (0.5, 0.65), (0.95, 0.63)),
            ((0.68, 0.0), (0.66, 0.5), (0.65, 1.0)),
        ),
    ),
    "5": (
        (
            ((0.84, 0.02), (0.5, 0.02), (0.24, 0.03)),
            ((0.24, 0.03), (0.2, 0.25), (0.18, 0.46)),
            ((0.18, 0.46), (0.52, 0.37), (0.84, 0.54), (0.8, 0.86), (0.45, 1.0), (0.1, 0.92)),
        ),
        (
            ((0.9, 0.0), (0.3, 0.04)),
            ((0.3, 0.04), (0.22, 0.42)),
            ((0.22, 0.42), (0.6, 0.42), (0.82, 0.68), (0.6, 0.97), (0.12, 0.96)),
        ),
    ),
    "6": (
        (
            (
                (0.7, 0.0),
                (0.36, 0.22),
                (0.13, 0.6),
                (0.22, 0.92),
                (0.52, 1.0),
                (0.82, 0.84),
                (0.76, 0.58),
                (0.46, 0.51),
                (0.17, 0.7),
            ),
        ),
        (
            (
                (0.55, 0.0),
                (0.26, 0.3),
                (0.14, 0.68),
                (0.3, 0.97),
                (0.64, 0.98),
                (0.84, 0.76),
                (0.64, 0.56),
                (0.34, 0.62),
                (0.18, 0.78),
            ),
        ),
    ),
    "7": (
        (((0.1, 0.04), (0.5, 0.05), (0.88, 0.03)), ((0.88, 0.03), (0.64, 0.45), (0.44, 1.0))),
        (((0.1, 0.04), (0.88, 0.02)), ((0.88, 0.02), (0.6, 0.5), (0.4, 1.0)), ((0.36, 0.5), (0.78, 0.48))),
    ),
    "8": (
        (
            (
                (0.78, 0.14),
                (0.48, 0.0),
                (0.2, 0.16),
                (0.42, 0.43),
                (0.76, 0.68),
                (0.74, 0.92),
                (0.46, 1.0),
                (0.18, 0.88),
                (0.22, 0.66),
                (0.52, 0.45),
                (0.8, 0.2),
                (0.74, 0.1),
            ),
        ),
        (
            (
                (0.5, 0.48),
                (0.22, 0.3),
                (0.3, 0.05),
                (0.64, 0.03),
                (0.76, 0.26),
                (0.5, 0.48),
                (0.2, 0.72),
                (0.28, 0.96),
                (0.66, 0.98),
                (0.82, 0.74),
                (0.5, 0.48),
            ),
        ),
    ),
    "9": (
        (
            ((0.8, 0.2), (0.55, 0.01), (0.22, 0.14), (0.2, 0.42), (0.5, 0.52), (0.76, 0.34), (0.82, 0.14)),
            ((0.82, 0.14), (0.8, 0.55), (0.74, 1.0)),
        ),
        (
            ((0.82, 0.22), (0.6, 0.02), (0.28, 0.1), (0.18, 0.36), (0.42, 0.52), (0.72, 0.4), (0.84, 0.16)),
            ((0.84, 0.16), (0.82, 0.6), (0.6, 0.94), (0.24, 0.96)),
        ),
    ),
}
LABELS = tuple(GLYPHS)
_POINTS_PER_SPAN = 12


def draw_digit(label: str, size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw one digit as a person might.

    Returns
    -------
    The ink's coverage, float32 size×size from 0 (paper) to 1 (ink), the digit centred and about 0.7 of the
    image high.
    """
    glyph = GLYPHS[label][rng.integers(len(GLYPHS[label]))]
    # All draws happen in the same order, so that one digit is the same whatever came before it.
    height = size * rng.uniform(0.62, 0.76)
    width = height * rng.uniform(0.55, 0.8) * (0.75 if label == "1" else 1.0)
    slant = rng.normal(0.08, 0.12)
    pen = height * rng.uniform(0.07, 0.13)
    wobble = rng.normal(0, 0.018, (32, 2))
    canvas = np.zeros((size, size), np.uint8)
    used = 0
    joints: dict[tuple[float, float], NDArray[np.float64]] = {}
    for stroke in glyph:
        points = np.array(stroke)
        for i, point in enumerate(stroke):
            # A point that two strokes share moves for both, so that corners stay closed.
            moved = joints.setdefault(point, points[i] + wobble[(used + i) % len(wobble)])
            points[i] = moved
        used += len(stroke)
        line = smooth_line(points) - 0.5
        x = size / 2 + line[:, 0] * width - line[:, 1] * height * slant
        y = size / 2 + line[:, 1] * height
        _ink(canvas, np.stack([x, y], axis=1), pen, rng)
    soft = cv2.GaussianBlur(canvas, (0, 0), size / 320)
    return np.asarray(soft, np.float32) / np.float32(255)


def _ink(canvas: NDArray[np.uint8], line: NDArray[np.float64], pen: float, rng: np.random.Generator) -> None:
    """Draw a line whose width swells and thins with the pressure of the pen."""
    phase, swing = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.15)
    fixed = np.rint(line * 8).astype(int)
    for i in range(len(fixed) - 1):
        width = pen * (1 + swing * np.sin(phase + i / 9))
        cv2.line(
            canvas, fixed[i].tolist(), fixed[i + 1].tolist(), 255, max(1, round(width)), cv2.LINE_AA, shift=3
        )


def smooth_line(points: NDArray[np.float64], per_span: int = _POINTS_PER_SPAN) -> NDArray[np.float64]:
    """Return a Catmull–Rom spline (1974) through all the points, with so many points between two of them."""
    if len(points) < 3:
        return np.linspace(points[0], points[-1], per_span)
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0, 1, per_span, endpoint=False)[:, None]
    spans = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        spans.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        )
    return np.vstack([*spans, points[-1:]])
