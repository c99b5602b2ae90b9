"""Images of nothing that a model knows: noise, shapes and destroyed images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Image = NDArray[np.uint8]


def generate(count: int, parents: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Make images of all kinds alternately, uint8 count×H×W×C.

    Parameters
    ----------
    parents
        Images of things that the model knows, uint8 N×H×W×C: some kinds are made by destroying one.
    """
    made = np.empty((count, *parents.shape[1:]), np.uint8)
    makers = list(KINDS.values())
    for i in range(count):
        parent = parents[rng.integers(len(parents))]
        image = makers[i % len(makers)](parent, rng)
        made[i] = np.clip(np.rint(image), 0, 255).reshape(parent.shape)
    return made


def _plain(parent: Image, rng: np.random.Generator) -> NDArray[np.float64]:
    grain = rng.uniform(0, 6) * rng.standard_normal(parent.shape)
    return np.asarray(rng.uniform(0, 255, parent.shape[2]) + grain)


def _gradient(parent: Image, rng: np.random.Generator) -> NDArray[np.float64]:
    height, width, channels = parent.shape
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    share = (0.5 + (np.cos(angle) * x + np.sin(angle) * y) / np.sqrt(2))[..., None]
    ends = rng.uniform(0, 255, (2, channels))
    return np.asarray(ends[0] * share + ends[1] * (1 - share))


def _noise(parent: Image, rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(
        rng.uniform(0, 255, parent.shape[2]) + rng.uniform(10, 90) * rng.standard_normal(parent.shape)
    )


def _texture(parent: Image, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise of two scales, smooth between its points."""
    height, width, channels = parent.shape
    image = np.zeros(parent.shape)
    for cells in rng.integers(2, max(3, min(height, width) // 2), 2):
        coarse = rng.uniform(0, 255, (cells, cells, channels))
        fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        image += fine.reshape(parent.shape) / 2
    return image


def _shapes(parent: Image, rng: np.random.Generator) -> NDArray[np.float64]:
    """Lines, boxes and ellipses, filled or not, on a plain ground."""
    height, width, channels = parent.shape
    image = np.empty(parent.shape, np.uint8)
    image[:] = rng.integers(0, 256, channels)
    for _ in range(rng.integers(1, 7)):
        color: tuple[int, ...] = tuple(int(rng.integers(256)) for _ in range(channels))
        a, b = (tuple(rng.integers(0, (width, height)).tolist()) for _ in (0, 1))
        thick = int(rng.integers(1, max(2, min(height, width) // 8)))
        match rng.integers(3):
            case 0:
                cv2.line(image, a, b, color, thick, cv2.LINE_AA)
            case 1:
                cv2.rectangle(image, a, b, color, -1 if rng.random() < 0.5 else thick)
            case _:
                axes = tuple(rng.integers(1, (max(2, width // 2), max(2, height // 2))).tolist())
                turn = float(rng.uniform(0, 180))
                cv2.ellipse(image, a, axes, turn, 0, 360, color, -1 if rng.random() < 0.5 else thick)
    return image.astype(np.float64)


def _shuffled(parent: Image, rng: np.random.Generator) -> NDArray[np.float64]:
    """Cut an image into n×n blocks that change places."""
    height, width, channels = parent.shape
    n = int(rng.integers(3, 6))
    h, w = height // n, width // n
    blocks = parent[: h * n, : w * n].reshape(n, h, n, w, channels).swapaxes(1, 2)
    mixed = rng.permutation(blocks.reshape(n * n, h, w, channels)).reshape(n, n, h, w, channels)
    whole = mixed.swapaxes(1, 2).reshape(h * n, w * n, channels)
    return _stretched(whole, parent)


def _patch(parent: Image, rng: np.random.Generator) -> NDArray[np.float64]:
    """Enlarge a small part of an image so much that it shows nothing."""
    height, width = parent.shape[:2]
    h, w = max(2, height // 7), max(2, width // 7)
    top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    return _stretched(parent[top : top + h, left : left + w], parent)


def _blurred(parent: Image, rng: np.random.Generator) -> NDArray[np.float64]:
    sigma = min(parent.shape[:2]) * rng.uniform(0.2, 0.4)
    return np.asarray(cv2.GaussianBlur(parent, (0, 0), sigma), np.float64)


def _stretched(part: Image, parent: Image) -> NDArray[np.float64]:
    height, width = parent.shape[:2]
    large = cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float64)


KINDS: dict[str, Callable[[Image, np.random.Generator], NDArray[np.float64]]] = {
    "plain": _plain,
    "gradients": _gradient,
    "noise": _noise,
    "textures": _texture,
    "shapes": _shapes,
    "training images with their blocks shuffled": _shuffled,
    "patches of training images": _patch,
    "training images blurred beyond recognition": _blurred,
}
