"""The scene `digits` of the synthetic camera: handwritten digits on lit, textured, moving paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.camera.handwriting import LABELS, draw_digit
from edgecnn.camera.scene import HEIGHT, WIDTH, Shot, SyntheticScene

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


class DigitScene(SyntheticScene):
    """Shows another digit on each sheet of paper."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._sheet: tuple[int, _Sheet] | None = None

    def shoot(self, number: int, moment: float) -> Shot:
        """Return a sheet as it lies at a moment; see `SyntheticScene.shoot`."""
        if self._sheet is None or self._sheet[0] != number:
            self._sheet = number, _make_sheet(np.random.default_rng([self._seed, 2, number]))
        sheet = self._sheet[1]
        image = cv2.warpPerspective(
            sheet.paper,
            _pose(sheet.motion, moment),
            (WIDTH, HEIGHT),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        image = cv2.multiply(image, _light(sheet.light, moment), scale=1 / 200)
        return Shot(np.asarray(image, np.uint8), sheet.label, sheet.blur, sheet.noise)


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
