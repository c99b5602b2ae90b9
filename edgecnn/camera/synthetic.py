"""A camera that needs none: handwritten digits on lit, textured, moving paper, and their true labels."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.camera import Camera, Mode
from edgecnn.camera.handwriting import LABELS, draw_digit
from edgecnn.camera.pace import Pace
from edgecnn.frame import Frame
from edgecnn.spec import parse_spec

if TYPE_CHECKING:
    from numpy.typing import NDArray


WIDTH, HEIGHT = 640, 480
_SHEET = 720  # the paper's side in pixels: larger than the frame, so that its edges stay outside


@dataclass(frozen=True, slots=True)
class _Sheet:
    """One piece of paper with a digit, and how it is held and lit."""

    label: str
    paper: NDArray[np.uint8]
    motion: NDArray[np.float64]
    light: NDArray[np.float64]
    blur: float
    noise: float


class SyntheticCamera(Camera):
    """Shows a new digit every `hold` frames, all of it decided by `seed`.

    Options: `synthetic:seed=0,fps=30,hold=30,flicker=0`; with `fps=0` it never waits, and with `flicker` each
    frame has other patches of light and shadow, of so many grey levels in the standard deviation. Frame i of
    a seed is always the same image.
    """

    live, may_hang = True, False

    def __init__(self, spec: str = "synthetic", mode: Mode | None = None) -> None:
        rate = (mode and mode.fps) or 30.0
        options = parse_spec(spec, {"seed": 0.0, "fps": rate, "hold": 30.0, "flicker": 0.0})
        self.name = spec
        self._seed = int(options["seed"])
        self._pace = Pace(options["fps"])
        self._hold = max(1, int(options["hold"]))
        self._flicker = options["flicker"]
        self._index = 0
        self._sheet: tuple[int, _Sheet] | None = None
        grain = np.random.default_rng([self._seed, 1]).normal(0, 1, (HEIGHT + 64, WIDTH + 64, 1))
        self._grain = np.repeat(np.clip(grain * 24 + 128, 0, 255).astype(np.uint8), 3, axis=2)

    @property
    def description(self) -> str:
        """What this source is, for a person."""
        return f"synthetic camera {WIDTH}×{HEIGHT}, seed {self._seed}"

    def read(self) -> Frame | None:
        """Return the next frame, at the pace of `fps`."""
        pixels, truth = self.draw(self._index)
        self._pace.wait()
        frame = Frame(pixels, time.monotonic_ns(), self._index, self.name, truth)
        self._index += 1
        return frame

    def draw(self, index: int) -> tuple[NDArray[np.uint8], str]:
        """Return frame `index` (uint8 480×640×3 BGR) and its label."""
        number, step = divmod(index, self._hold)
        if self._sheet is None or self._sheet[0] != number:
            self._sheet = number, _make_sheet(np.random.default_rng([self._seed, 2, number]))
        sheet = self._sheet[1]
        moment = step / 30
        image = cv2.warpPerspective(
            sheet.paper,
            _pose(sheet.motion, moment),
            (WIDTH, HEIGHT),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        image = cv2.multiply(image, _light(sheet.light, moment), scale=1 / 200)
        if sheet.blur > 0.3:
            image = cv2.GaussianBlur(image, (0, 0), sheet.blur)
        rng = np.random.default_rng([self._seed, 3, index])
        top, left = rng.integers(0, 64, 2)
        grain = self._grain[top : top + HEIGHT, left : left + WIDTH]
        strength = sheet.noise / 24
        noisy = cv2.addWeighted(image, 1.0, grain, strength, -128 * strength)
        if self._flicker:
            patches = cv2.resize(
                rng.normal(0, self._flicker, (24, 32)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
            )
            noisy = np.clip(noisy + patches[..., None], 0, 255).astype(np.uint8)
        return noisy, sheet.label  # type: ignore[return-value]

    def interrupt(self) -> None:
        """End a wait for the next frame's time."""
        self._pace.interrupt()


def _make_sheet(rng: np.random.Generator) -> _Sheet:
    label = LABELS[rng.integers(len(LABELS))]
    # Three sheets in four are dark ink on light paper, the fourth is chalk on a dark board.
    chalk = rng.random() < 0.25
    dark = rng.uniform(10, 80, 3)
    light = rng.uniform(185, 240) + rng.uniform(-14, 14, 3)
    ground, ink = (dark * 0.8, light) if chalk else (light, dark)
    coarse = cv2.resize(rng.normal(0, 4, (24, 24)), (_SHEET, _SHEET), interpolation=cv2.INTER_CUBIC)
    fibres = cv2.GaussianBlur(rng.normal(0, 7, (_SHEET, _SHEET)), (0, 0), 0.8)
    texture = (coarse + fibres)[..., None]
    side = 460
    mask = np.zeros((_SHEET, _SHEET, 1))
    edge = (_SHEET - side) // 2
    mask[edge : edge + side, edge : edge + side, 0] = draw_digit(label, side, rng)
    mask *= rng.uniform(0.85, 1.0)
    paper = (ground + texture) * (1 - mask) + (ink + 0.4 * texture) * mask
    return _Sheet(
        label,
        np.clip(paper, 0, 255).astype(np.uint8),
        motion=rng.uniform(-1, 1, 12),
        light=rng.uniform(0, 1, 6),
        blur=rng.uniform(0, 1.8),
        noise=rng.uniform(1, 7),
    )


def _pose(motion: NDArray[np.float64], t: float) -> NDArray[np.float64]:
    """Return the homography of the held paper at `t` seconds: it drifts, turns, nears and tilts."""

    def sway(k: int, amount: float, period: float) -> float:
        return float(amount * (0.8 * motion[k] + 0.2 * np.sin(2 * np.pi * (t / period + motion[k + 1]))))

    angle = np.deg2rad(sway(0, 13, 2.3))
    zoom = 0.98 * np.exp(sway(2, 0.16, 3.1))
    c, s = zoom * np.cos(angle), zoom * np.sin(angle)
    middle = _SHEET / 2
    to_origin = np.array([[1, 0, -middle], [0, 1, -middle], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, 1, 0], [sway(4, 2.5e-4, 2.9), sway(6, 2.5e-4, 3.7), 1]])
    turn = np.array(
        [[c, -s, WIDTH / 2 + sway(8, 28, 1.9)], [s, c, HEIGHT / 2 + sway(10, 28, 2.6)], [0, 0, 1]]
    )
    return np.asarray(turn @ tilt @ to_origin)


def _light(light: NDArray[np.float64], t: float) -> NDArray[np.uint8]:
    """Return the light that falls on each pixel, 200 for full: a lamp at one side that flickers a little."""
    y, x = np.mgrid[0:12, 0:16] / np.array([11, 15])[:, None, None]
    direction = 2 * np.pi * light[0]
    slope = 0.15 + 0.4 * light[1]
    level = 0.7 + 0.3 * light[2] + 0.03 * np.sin(2 * np.pi * (t / 0.8 + light[3]))
    plane = (x - 0.5) * np.cos(direction) + (y - 0.5) * np.sin(direction)
    falloff = 1 - 0.35 * light[4] * ((x - 0.5) ** 2 + (y - 0.5) ** 2)
    small = np.clip(200 * level * falloff * (1 + slope * plane), 0, 255).astype(np.uint8)
    full = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.merge([full, full, full]), np.uint8)
