"""Reads every image of a dataset once and keeps what a check needs: sizes, digests and thumbnails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.dataset import foreign_files
from edgecnn.dataset.duplicates import THUMBNAIL, digest_pixels, thumbnail
from edgecnn.errors import DataError, ImageError
from edgecnn_train.data import has_color

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from edgecnn.dataset import Item, Source

_SOME = 100


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An image that can't be read, and why."""

    item: Item
    reason: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over a dataset has seen; every array has one entry for each readable image.

    `items` are the readable images. `heights` and `widths` are int64 N, in pixels, after EXIF rotation;
    `colored` is bool N; `digests` are equal for images with the same pixels; `thumbnails` are uint8
    N×32×32×3 BGR, the whole image stretched to a square. `foreign` names files that are no images that
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
        """Each image's class, int64 N."""
        return np.array([i.label for i in self.items], np.int64)

    @property
    def splits(self) -> NDArray[np.str_]:
        """Each image's official split, an empty text where it has none."""
        return np.array([i.split or "" for i in self.items], np.str_)


def survey(source: Source, path: Path, tick: Callable[[int], None] = lambda _: None) -> Survey:
    """Read every image once.

    Parameters
    ----------
    path
        The path of the source, for messages.
    tick
        Called with the number of images done.

    Raises
    ------
    DataError
        Where no image can be read.
    """
    items: list[Item] = []
    unreadable, sizes, colored, digests = [], [], [], []
    thumbnails = np.empty((len(source.items), THUMBNAIL, THUMBNAIL, 3), np.uint8)
    for done, item in enumerate(source.items, 1):
        try:
            image = source.read(item)
        except (ImageError, DataError) as error:
            unreadable.append(Unreadable(item, str(error)))
            if not done % _SOME:  # missing files are found faster than they can be shown
                tick(done)
            continue
        thumbnails[len(items)] = thumbnail(image)
        items.append(item)
        sizes.append(image.shape[:2])
        colored.append(has_color(image))
        digests.append(digest_pixels(image))
        tick(done)
    if not items:
        raise DataError(f"none of the images in {path} can be read, such as: {unreadable[0].reason}")
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
