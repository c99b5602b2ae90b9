"""The IDX files of MNIST and similar datasets (http://yann.lecun.com/exdb/mnist/), `.gz` or not."""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import zlib
from typing import IO, TYPE_CHECKING, TypeVar

import numpy as np

from edgecnn.dataset.items import MOST_ITEMS, Item, SplitName
from edgecnn.dataset.unpack import DEFLATE_RATIO
from edgecnn.errors import DataError
from edgecnn.io.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Background

# Of all files of a dataset: they are kept in memory. The largest of EMNIST has 638 million.
MOST_BYTES = 700_000_000
_MOST_SIDE = 16_384
_PIECE = 1 << 20
_NAMES: dict[SplitName, str] = {"train": "train", "test": "t10k"}
# The labels of datasets whose IDX files have numbers only.
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

    background: Background = "white"

    def __init__(self, folder: Path) -> None:
        self.items: list[Item] = []
        self._images: dict[str, NDArray[np.uint8]] = {}
        highest = 0
        shapes = {
            name: _read(folder, name, dimensions, _read_shape)
            for prefix in _NAMES.values()
            for name, dimensions in _files(prefix)
        }
        # Before unpacking gigabytes that don't match.
        _check(shapes, folder)
        for split, prefix in _NAMES.items():
            images, labels = (
                _read(folder, name, dimensions, _read_values) for name, dimensions in _files(prefix)
            )
            self._images[prefix] = images
            self.items += [Item(f"{prefix}/{i}", int(label), split) for i, label in enumerate(labels)]
            highest = max(highest, int(labels.max()))
        names = _LABELS.get(folder.resolve().name, [])
        self.labels = tuple(names if len(names) > highest else map(str, range(highest + 1)))

    def read(self, item: Item, least: int | None = None) -> NDArray[np.uint8]:  # noqa: ARG002 - images have one size
        """Return the grey image, H×W."""
        prefix, _, index = item.id.partition("/")
        image: NDArray[np.uint8] = self._images[prefix][int(index)]
        return image

    def digest(self, item: Item) -> bytes:
        """Return the SHA-256 of the pixels."""
        return hashlib.sha256(self.read(item).tobytes()).digest()


_Shape = tuple[int, ...]
_Stream = IO[bytes] | gzip.GzipFile
_T = TypeVar("_T")


def _files(prefix: str) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return the names of a split's files, images first, and their numbers of dimensions."""
    return (f"{prefix}-images-idx3-ubyte", 3), (f"{prefix}-labels-idx1-ubyte", 1)


def _check(shapes: dict[str, _Shape], folder: Path) -> None:
    """Raise DataError for files that claim too many values, no images, or a different number of labels."""
    if (claimed := sum(map(math.prod, shapes.values()))) > MOST_BYTES:
        raise DataError(f"{folder}: its files claim {claimed:,} values, expected at most {MOST_BYTES:,}")
    for prefix in _NAMES.values():
        (count, height, width), (labels,) = (shapes[name] for name, _ in _files(prefix))
        if count != labels or not (count and height and width):
            raise DataError(
                f"{folder}: {prefix} has {count:,} images of {width}×{height} and {labels:,} labels, "
                "expected at least one image, and a label for each"
            )


def _read(folder: Path, stem: str, dimensions: int, what: Callable[[_Stream, Path, int, int], _T]) -> _T:
    """Open one IDX file of uint8 with that many dimensions and return the result of `read`."""
    names = (folder / stem, folder / f"{stem}.gz")
    path = next((p for p in names if os.path.lexists(p)), None)
    if path is None:
        raise DataError(f"{folder} has no {stem} or {stem}.gz")
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if path.suffix != ".gz":
                return what(file, path, dimensions, size)
            with gzip.GzipFile(fileobj=file) as unpacked:
                return what(unpacked, path, dimensions, size * DEFLATE_RATIO)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} is damaged or can't be read: {reason}; copy it again") from error


def _read_shape(file: _Stream, path: Path, dimensions: int, there: int) -> _Shape:
    """Read the header of a stream of at most `there` bytes."""
    length = 4 + 4 * dimensions
    header = file.read(length)
    if len(header) < length or header[:2] != b"\0\0":
        raise DataError(f"{path} is not an IDX file: it has no IDX header")
    if header[2:4] != bytes([8, dimensions]):
        kind = _TYPES.get(header[2], f"the unknown type {header[2]}")
        raise DataError(
            f"{path} has {header[3]} dimensions of {kind}, expected {dimensions} of uint8: "
            "is it the right file?"
        )
    shape = tuple(int.from_bytes(header[k : k + 4], "big") for k in range(4, length, 4))
    values = math.prod(shape)
    if values > MOST_BYTES or shape[0] > MOST_ITEMS or max(shape[1:], default=0) > _MOST_SIDE:
        raise DataError(
            f"{_claim(path, shape)}, expected at most {MOST_ITEMS:,} images with sides of at most "
            f"{_MOST_SIDE:,}, and {MOST_BYTES:,} values in all files"
        )
    if length + values > there:
        raise DataError(f"{_claim(path, shape)}, but is truncated: copy it again")
    return shape


def _read_values(file: _Stream, path: Path, dimensions: int, there: int) -> NDArray[np.uint8]:
    """Read the header and the values that it states; nothing may follow."""
    shape = _read_shape(file, path, dimensions, there)
    values = math.prod(shape)
    found, at = np.empty(values, np.uint8), 0
    while at < values:
        piece = file.read(min(_PIECE, values - at))
        if not piece:
            raise DataError(f"{_claim(path, shape)}, but has only {at:,}: it is truncated, copy it again")
        found[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
        at += len(piece)
    if file.read(1):
        raise DataError(f"{_claim(path, shape)}, but has more: is it the right file? copy it again")
    return found.reshape(shape)


def _claim(path: Path, shape: _Shape) -> str:
    return f"{path} claims {'×'.join(f'{n:,}' for n in shape)} values"
