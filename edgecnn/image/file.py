"""Finds image files; reads one as a BGR array, and refuses what is damaged or too large.

OpenCV decodes; what a file claims is checked before, and what such a check can't bound is decoded in another
process, which has limits of time and memory. docs/safety.md has the figures.
"""

from __future__ import annotations

import atexit
import os
import threading
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from edgecnn.defaults import MAX_MEGAPIXELS
from edgecnn.errors import DataError, ImageError
from edgecnn.image.decode import decode_checked
from edgecnn.image.header import Claim, check_claim, read_claim
from edgecnn.image.header.jpeg import jpeg_size
from edgecnn.image.names import USUAL, describe_left_out, sort_names
from edgecnn.io.nearby import did_you_mean
from edgecnn.io.regular import read_regular
from edgecnn.machine.memory import memory_limit

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.bundle.convention import Background
    from edgecnn.image.worker import ImageWorker

# A JPEG of 200 megapixels has about 80 MB, a TIFF of 40 megapixels with 16 bits a channel 240.
MOST_FILE_BYTES = 256 << 20
# How many times longer than its processor time decoding may take by the clock.
_PATIENCE = 3
# An image takes no more memory than this, nor more than this share of what there is.
MOST_MEMORY, SHARE = 800_000_000, 2
# One that comes over the network, while a live loop has to go on, takes less.
UPLOAD_SHARE, UPLOAD_MEGAPIXELS = 4, 25.0


class Images(NamedTuple):
    """The image files below a folder, and lines for a person on what was left out there."""

    paths: list[Path]
    notes: tuple[str, ...]


def list_images(path: Path) -> list[Path]:
    """Return the image files below a folder; see `find_images`."""
    return find_images(path).paths


def find_images(path: Path) -> Images:
    """Find the image files below a folder, sorted, hidden ones left out; or the one file itself.

    Links are followed, but no folder or file is listed twice; see `folder_walk.walk`. Raises ImageError for a
    folder without any image, and where one below it can't be read.
    """
    if not os.path.isdir(path):  # noqa: PTH112 - pathlib's raises where a folder may not be entered
        return Images([path], ())
    from edgecnn.image.folder_walk import peek, walk  # a single image needs neither

    try:
        found = walk(path)
    except DataError as error:
        raise ImageError(str(error)) from error
    # Special files and broken links are listed too: to read them says what they are.
    images, foreign = sort_names(found.files, lambda name: peek(f"{path}/{name}"))
    left_out = describe_left_out(foreign, str(path))
    if not images:
        raise ImageError(left_out or f"{path} has no images in it ({USUAL})")
    notes = (*found.notes(str(path)), left_out)
    return Images(sorted(path / name for name in images), tuple(note for note in notes if note))


def read_image(
    path: str | os.PathLike[str], least: int | None = None, background: Background = "white"
) -> NDArray[np.uint8]:
    """Read an image as uint8 H×W×3 BGR, turned as its EXIF orientation says.

    16-bit, grey and CMYK images are converted.

    Parameters
    ----------
    least
        How long the shorter side has to be at least, in pixels; see `reduction`. None for the full size.
    background
        The ground on which a transparent image is laid.

    Raises
    ------
    ImageError
        Where it can't be read or decoded.
    """
    return decode_reduced(read_file(path), str(path), least, background=background)[0]


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Read an image's file. Raises ImageError for one that is no regular file, or too large."""
    try:
        size = os.stat(path).st_size  # noqa: PTH116 - beside read_regular
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        meant = (did_you_mean(path) or "; check the path: `ls` shows what is here") if missing else ""
        raise ImageError(f"{path} can't be read: {error.strerror}{meant}") from error
    except ValueError:  # a name that no path can have is read_regular's to refuse
        size = 0
    most = most_file_bytes()
    if size > most:
        raise ImageError(f"{path} has {size:,} bytes, an image may have {most:,}: make it smaller first")
    try:
        return read_regular(path, most)
    except OSError as error:
        raise ImageError(f"{path} can't be read: {error.strerror}") from error


def decode_image(
    data: bytes, source: str, *, quiet: bool = True, reduce: int = 1, background: Background = "white"
) -> NDArray[np.uint8]:
    """Decode an image from its bytes; like `read_image`, with `source` for the messages.

    Parameters
    ----------
    quiet
        Keeps OpenCV off stderr, and with it all other threads for that time: not for a stream.
    reduce
        1, or for a JPEG 2, 4 or 8: its sides become so many times shorter, each pixel the mean of those that
        it stands for. That takes less time than to decode it in full.
    """
    claim = read_claim(data, source, reduce)
    check_claim(claim, len(data), source, MAX_MEGAPIXELS, most_memory())
    if claim.bounded:
        return decode_checked(data, source, claim.alpha, quiet=quiet, reduce=reduce, background=background)
    # Of a processor's time, so that it does not depend on other programs which images are read; the clock
    # only ends what waits.
    processor_s = _limit_s(claim)
    return _worker().decode(
        data, source, reduce=reduce, background=background, limit_s=_PATIENCE * processor_s,
        processor_s=processor_s,
    )  # fmt: skip


def decode_reduced(
    data: bytes, source: str, least: int | None, *, quiet: bool = True, background: Background = "white"
) -> tuple[NDArray[np.uint8], bytes | None]:
    """Decode an image at the size that a model needs; see `reduction` and `decode_image`.

    Returns
    -------
    pixels, encoded
        uint8 H×W×3 BGR; and `data` where the file's image is larger, to decode it in full later, else None.
    """
    times = reduction(data, least)
    pixels = decode_image(data, source, quiet=quiet, reduce=times, background=background)
    return pixels, data if times > 1 else None


def _limit_s(claim: Claim) -> float:
    """Return how long decoding a named image may compute: 2 s, and more for one of many pixels."""
    return min(2 + claim.pixels / 1.5e7, 9)


@cache
def most_memory() -> int:
    """Return the most bytes that decoding one image may take, its file included."""
    return min(MOST_MEMORY, memory_limit() // SHARE)


@cache
def most_upload_memory() -> int:
    """Return the same for an image that comes over the network."""
    return min(MOST_MEMORY, memory_limit() // UPLOAD_SHARE)


@cache
def most_file_bytes() -> int:
    """Return the most bytes that an image's file may have."""
    return min(MOST_FILE_BYTES, most_memory() // 2)


_making = threading.Lock()
_made: list[ImageWorker] = []


def _worker() -> ImageWorker:
    """Return the process that decodes what has to be limited; it ends with this one."""
    from edgecnn.image.worker import ImageWorker

    with _making:
        if not _made:
            _made.append(ImageWorker(MAX_MEGAPIXELS, most_memory()))
            atexit.register(_made[0].close)
        return _made[0]


def reduction(data: bytes | bytearray, least: int | None) -> int:
    """Return how many times smaller a file can be decoded with `least` pixels left along its shorter side.

    1 for what is no JPEG, and for a `least` of None.
    """
    if least is None or (size := jpeg_size(data)) is None:
        return 1
    return next((times for times in (8, 4, 2) if min(size) >= times * least), 1)
