"""Reads every picture of a data set once and keeps what a check needs: sizes, digests and thumbnails."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.dataset import foreign_files
from edgecnn.errors import DataError, ImageError
from edgecnn.image.shrink import shrink
from edgecnn_train.data import has_color

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from edgecnn.dataset import Item, Source

# Enough to tell two photos apart, and all of a CIFAR picture: 3 KiB a picture, 180 MiB for 60,000.
THUMBNAIL = 32
_SOME = 100


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A picture that can't be read, and why."""

    item: Item
    reason: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over a data set has seen; every array has one entry for each readable picture.

    `items` are the readable pictures. `heights` and `widths` are int64 N, in pixels, after EXIF rotation;
    `colored` is bool N; `digests` tell whether two pictures have the same pixels; `thumbnails` are uint8
    N×32×32×3 BGR, the whole picture stretched to a square. `foreign` names files that are no pictures that
    can be read, by kind.
    """

    labels: tuple[str, ...]
    items: tuple[Item, ...]
    heights: NDArray[np.int64]
    widths: NDArray[np.int64]
    colored: NDArray[np.bool_]
    digests: tuple[bytes, ...]
    thumbnails: NDArray[np.uint8]
    unreadable: tuple[Unreadable, ...]
    foreign: dict[str, list[str]]

    def __len__(self) -> int:
        return len(self.items)

    @property
    def classes(self) -> NDArray[np.int64]:
        """Each picture's class, int64 N."""
        return np.array([i.label for i in self.items], np.int64)

    @property
    def splits(self) -> NDArray[np.str_]:
        """Each picture's official split, an empty text where it has none."""
        return np.array([i.split or "" for i in self.items], np.str_)


def survey(source: Source, path: Path, tick: Callable[[int], None] = lambda _: None) -> Survey:
    """Read every picture once.

    Parameters
    ----------
    path
        Where the source lies, for messages.
    tick
        Called with the number of pictures done.

    Raises
    ------
    DataError
        Where no picture can be read.
    """
    items: list[Item] = []
    unreadable, sizes, colored, digests = [], [], [], []
    thumbnails = np.empty((len(source.items), THUMBNAIL, THUMBNAIL, 3), np.uint8)
    for done, item in enumerate(source.items, 1):
        try:
            picture = source.read(item)
        except (ImageError, DataError) as error:
            unreadable.append(Unreadable(item, str(error)))
            if not done % _SOME:  # that a file is missing is found sooner than it is told
                tick(done)
            continue
        thumbnails[len(items)] = _thumbnail(picture)
        items.append(item)
        sizes.append(picture.shape[:2])
        colored.append(has_color(picture))
        digests.append(_digest(picture))
        tick(done)
    if not items:
        raise DataError(f"none of the pictures in {path} can be read, such as: {unreadable[0].reason}")
    shape = np.array(sizes, np.int64)
    return Survey(
        source.labels,
        tuple(items),
        shape[:, 0],
        shape[:, 1],
        np.array(colored, bool),
        tuple(digests),
        thumbnails[: len(items)],
        tuple(unreadable),
        foreign_files(source),
    )


def _thumbnail(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = shrink(picture, THUMBNAIL, THUMBNAIL, "area")
    return small if small.ndim == 3 else cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)  # type: ignore[return-value]


def _digest(picture: NDArray[np.uint8]) -> bytes:
    digest = hashlib.blake2b(repr(picture.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(picture).data)
    return digest.digest()
