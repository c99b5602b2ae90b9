"""The images: frames to time, images to compare answers on, images to calibrate with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.camera.synthetic import HEIGHT, WIDTH, SyntheticCamera
from edgecnn.dataset import find_data, open_source
from edgecnn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edgecnn.dataset import Item, Source

# Real images to compare on, in addition to the frames; images to calibrate with.
COMPARED, CALIBRATED = 64, 200
# Seeds of the synthetic camera, where there are no real ones: `bench_frames` has 1.
_COMPARED_SEED, _CALIBRATED_SEED = 2, 3


def to_compare(data: str) -> tuple[list[NDArray[np.uint8]], str]:
    """Return images like a camera's, uint8 480×640×3 BGR, and what they are."""
    source = _find(data)
    if source is None:
        return list(_synthetic(_COMPARED_SEED, COMPARED)), f"{COMPARED} others of the synthetic camera"
    held_out = [item for item in source.items if item.split == "test"]
    chosen = _spread(held_out or source.items, COMPARED)
    return [_like_a_frame(source.read(item)) for item in chosen], f"{len(chosen)} images of {data}"


def to_calibrate(data: str) -> tuple[list[NDArray[np.uint8]], str]:
    """Return images like a camera's, none of them one to compare on, and what they are."""
    source = _find(data)
    if source is None:
        return list(_synthetic(_CALIBRATED_SEED, CALIBRATED)), f"{CALIBRATED} synthetic frames"
    training = [item for item in source.items if item.split == "train"]
    chosen = _spread(training or source.items[1:], CALIBRATED)
    return [_like_a_frame(source.read(item)) for item in chosen], f"{len(chosen)} images of {data}"


def _find(data: str) -> Source | None:
    """Open a dataset below $EDGECNN_DATA; None where it is missing."""
    try:
        return open_source(find_data(data, None))
    except DataError:
        return None


def _spread(items: list[Item], count: int) -> list[Item]:
    """Choose evenly from all: sources list their images class by class."""
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[i] for i in places]


def _synthetic(seed: int, count: int) -> Iterator[NDArray[np.uint8]]:
    with SyntheticCamera(f"synthetic:seed={seed},fps=0,hold=1") as camera:
        for i in range(count):
            yield camera.draw(i)[0]


def _like_a_frame(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Enlarge an image to a frame's height, and mirror what it lacks in width."""
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)  # type: ignore[assignment]
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = cv2.resize(image[top : top + side, left : left + side], (HEIGHT, HEIGHT))
    border = (WIDTH - HEIGHT) // 2
    return cv2.copyMakeBorder(square, 0, 0, border, border, cv2.BORDER_REFLECT_101)  # type: ignore[return-value]
