"""The IDX files of MNIST and its relatives (http://yann.lecun.com/exdb/mnist/), `.gz` or not."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from typing import IO, TYPE_CHECKING

import numpy as np

from edgecnn.dataset.items import MOST_ITEMS, Item, SplitName
from edgecnn.dataset.unpack import DEFLATE_RATIO
from edgecnn.errors import DataError
from edgecnn.regular_file import open_regular

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# Of all files of a set: they are kept in memory. The largest of EMNIST has 638 million.
MOST_BYTES = 700_000_000
_MOST_SIDE = 16_384
_PIECE = 1 << 20
_NAMES: dict[SplitName, str] = {"train": "train", "test": "t10k"}
# Data sets whose IDX files carry numbers only.
_LABELS = {
    "mnist": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    "fashion_mnist": [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ],
}  # fmt: skip
_TYPES = {8: "uint8", 9: "int8", 11: "int16", 12: "int32", 13: "float32", 14: "float64"}


class IdxSource:
    """A folder with the four files; `.gz` or not."""

    def __init__(self, folder: Path) -> None:
        self.items: list[Item] = []
        self._images: dict[str, NDArray[np.uint8]] = {}
        highest, left = 0, MOST_BYTES
        for split, prefix in _NAMES.items():
            images = _read(folder, f"{prefix}-images-idx3-ubyte", 3, left)
            labels = _read(folder, f"{prefix}-labels-idx1-ubyte", 1, left - images.nbytes)
            left -= images.nbytes + labels.nbytes
            if len(images) != len(labels) or not images.size:
                height, width = images.shape[1:]
                raise DataError(
                    f"{folder}: {prefix} has {len(images):,} images of {width}×{height} and {len(labels):,} "
                    "labels, expected a label for each of some images"
                )
            self._images[prefix] = images
            self.items += [Item(f"{prefix}/{i}", int(label), split) for i, label in enumerate(labels)]
            highest = max(highest, int(labels.max()))
        names = _LABELS.get(folder.resolve().name, [])
        self.labels = tuple(names if len(names) > highest else map(str, range(highest + 1)))

    def read(self, item: Item) -> NDArray[np.uint8]:
        """Return the grey image, H×W."""
        prefix, _, index = item.id.partition("/")
        image: NDArray[np.uint8] = self._images[prefix][int(index)]
        return image


def _read(folder: Path, stem: str, dimensions: int, most: int) -> NDArray[np.uint8]:
    """Read one IDX file of bytes with that many dimensions and at most so many values."""
    names = (folder / stem, folder / f"{stem}.gz")
    path = next((p for p in names if os.path.lexists(p)), None)
    if path is None:
        raise DataError(f"{folder} has no {stem} or {stem}.gz")
    try:
        with open_regular(path) as file:
            if path.suffix != ".gz":
                return _read_values(file, path, dimensions, most, os.fstat(file.fileno()).st_size)
            packed = os.fstat(file.fileno()).st_size
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _read_values(unpacked, path, dimensions, most, packed * DEFLATE_RATIO)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} is damaged or can't be read: {reason}; copy it again") from error


def _read_values(
    file: IO[bytes] | gzip.GzipFile, path: Path, dimensions: int, most: int, there: int
) -> NDArray[np.uint8]:
    """Read header and values of a stream that can't have more than `there` bytes; nothing may follow."""
    length = 4 + 4 * dimensions
    header = file.read(length)
    if len(header) < length or header[:2] != b"\0\0":
        raise DataError(f"{path} is no IDX file: it does not begin with the header of one")
    if header[2:4] != bytes([8, dimensions]):
        kind = _TYPES.get(header[2], f"the unknown type {header[2]}")
        raise DataError(
            f"{path} has {header[3]} dimensions of {kind}, expected {dimensions} of uint8: "
            "is it the right file?"
        )
    shape = tuple(int.from_bytes(header[k : k + 4], "big") for k in range(4, length, 4))
    values = math.prod(shape)
    said = f"{path} claims {'×'.join(f'{n:,}' for n in shape)} values"
    if values > most or shape[0] > MOST_ITEMS or max(shape[1:], default=0) > _MOST_SIDE:
        raise DataError(
            f"{said}, expected at most {MOST_ITEMS:,} images with sides of at most {_MOST_SIDE:,}, "
            f"and {MOST_BYTES:,} values in all files"
        )
    if length + values > there:
        raise DataError(f"{said}, but is cut off: copy it again")
    found, at = np.empty(values, np.uint8), 0
    while at < values:
        piece = file.read(min(_PIECE, values - at))
        if not piece:
            raise DataError(f"{said}, but has only {at:,}: it is cut off, copy it again")
        found[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
        at += len(piece)
    if file.read(1):
        raise DataError(f"{said}, but has more: is it the right file? copy it again")
    return found.reshape(shape)
