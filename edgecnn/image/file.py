"""Finds image files, reads them as BGR arrays, and refuses damaged or too large ones.

OpenCV decodes. The header's claims are checked before; files whose cost that check can't bound are decoded in
another process, with limits of time and memory. docs/safety.md has the numbers.
"""

from __future__ import annotations

import atexit
import os
import threading
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from edgecnn.defaults import MAX_MEGAPIXELS
from edgecnn.errors import DataError, ImageError, ImageNotFound
from edgecnn.image.decode import decode_checked
from edgecnn.image.header import Claim, check_claim, read_claim
from edgecnn.image.header.jpeg import jpeg_size
from edgecnn.image.names import USUAL, describe_left_out, sort_names
from edgecnn.image.turns import take_turn
from edgecnn.io.nearby import did_you_mean
from edgecnn.io.regular import read_regular
from edgecnn.machine.memory import memory_limit

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Background
    from edgecnn.image.worker import ImageWorker

# A JPEG of 200 megapixels has about 80 MB, a TIFF of 40 megapixels with 16 bits a channel 240.
MOST_FILE_BYTES = 256 << 20
# The ratio of the time limit by the clock to that of processor time.
_PATIENCE = 3
# An image takes at most this many bytes of memory, and at most 1/SHARE of the memory limit.
MOST_MEMORY, SHARE = 800_000_000, 2
# Less for an image from the network, because the live loop must keep running.
UPLOAD_SHARE, UPLOAD_MEGAPIXELS = 4, 25.0


class Images(NamedTuple):
    """The image files below a folder, and notes on the files that were left out, one line each."""

    paths: list[Path]
    notes: tuple[str, ...]


def list_images(path: Path) -> list[Path]:
    """Return the image files below a folder; see `find_images`."""
    return find_images(path).paths


def find_images(path: Path) -> Images:
    """Find the image files below a folder, sorted, without hidden ones; a file's path gives that file.

    Links are followed, but no folder or file is listed twice; see `folder_walk.walk`. Raises ImageError for a
    folder without any image, and where a subfolder can't be read.
    """
    if not os.path.isdir(path):  # noqa: PTH112 - pathlib's raises where a folder may not be entered
        return Images([path], ())
    from edgecnn.image.folder_walk import peek, walk  # a single image needs neither

    try:
        found = walk(path)
    except DataError as error:
        raise ImageError(str(error)) from error
    # Special files and broken links are listed too, so that reading them reports the reason.
    images, foreign = sort_names(found.files, lambda name: peek(f"{path}/{name}"))
    left_out = describe_left_out(foreign, str(path))
    if not images:
        raise ImageError(left_out or f"{path} has no images in it ({USUAL})")
    notes = (*found.notes(str(path)), left_out)
    return Images(sorted(path / name for name in images), tuple(note for note in notes if note))


def read_image(
    path: str | os.PathLike[str], least: int | None = None, background: Background = "white"
) -> NDArray[np.uint8]:
    """Read an image as uint8 H×W×3 BGR, in its EXIF orientation.

    16-bit, grey and CMYK images are converted.

    Parameters
    ----------
    least
        The least length of the shorter side in pixels; see `reduction`. None for the full size.
    background
        The background of a transparent image.

    Raises
    ------
    ImageError
        Where it can't be read or decoded.
    """
    return decode_reduced(read_file(path), str(path), least, background=background)[0]


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Read an image's file.

    Raises ImageNotFound where there is none, and ImageError for a special file and for one that is too large.
    """
    try:
        size = os.stat(path).st_size  # noqa: PTH116 - next to read_regular
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError:  # read_regular refuses an impossible name
        size = 0
    most = most_file_bytes()
    if size > most:
        raise ImageError(f"{path} has {size:,} bytes, an image may have {most:,}: make it smaller first")
    take_turn(size)
    try:
        return read_regular(path, most)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str | os.PathLike[str], error: OSError) -> ImageError:
    if isinstance(error, FileNotFoundError):
        meant = did_you_mean(path) or "; check the path: `ls` shows what is here"
        return ImageNotFound(f"{path} can't be read: {error.strerror}{meant}")
    return ImageError(f"{path} can't be read: {error.strerror}")


def decode_image(
    data: bytes, source: str, *, quiet: bool = True, reduce: int = 1, background: Background = "white"
) -> NDArray[np.uint8]:
    """Decode an image from its bytes; like `read_image`, with `source` for the messages.

    Parameters
    ----------
    quiet
        Keep OpenCV, and all other threads meanwhile, off stderr; not for a stream.
    reduce
        1, or for a JPEG 2, 4 or 8: the factor by which its sides become shorter, by averaging. Takes less
        time than decoding in full.
    """
    claim = read_claim(data, source, reduce)
    check_claim(claim, len(data), source, MAX_MEGAPIXELS, most_memory())
    take_turn(claim.memory + len(data))
    if claim.bounded:
        return decode_checked(data, source, claim.alpha, quiet=quiet, reduce=reduce, background=background)
    # The limit is one of processor time, so that other programs don't decide which images are read; the
    # limit by the clock only ends a process that waits.
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
    """Return the limit of processor time for a local image: 2 s, and more for many pixels."""
    return min(2 + claim.pixels / 1.5e7, 9)


@cache
def most_memory() -> int:
    """Return the most bytes of memory for decoding one image, its file included."""
    return min(MOST_MEMORY, memory_limit() // SHARE)


@cache
def most_upload_memory() -> int:
    """Return the most bytes of memory for decoding an image from the network."""
    return min(MOST_MEMORY, memory_limit() // UPLOAD_SHARE)


@cache
def most_file_bytes() -> int:
    """Return the largest allowed size of an image's file in bytes."""
    return min(MOST_FILE_BYTES, most_memory() // 2)


_making = threading.Lock()
_made: list[ImageWorker] = []
# A forked process makes its own: two can't share the socket to one.
os.register_at_fork(after_in_child=_made.clear)


def _worker() -> ImageWorker:
    """Return the process that decodes with limits; it ends with this one."""
    from edgecnn.image.worker import ImageWorker

    with _making:
        if not _made:
            _made.append(ImageWorker(MAX_MEGAPIXELS, most_memory()))
            atexit.register(_made[0].close)
        return _made[0]


def reduction(data: bytes | bytearray, least: int | None) -> int:
    """Return the factor by which a file can be decoded smaller while its shorter side keeps `least` pixels.

    1 for other formats than JPEG, and where `least` is None.
    """
    if least is None or (size := jpeg_size(data)) is None:
        return 1
    return next((times for times in (8, 4, 2) if min(size) >= times * least), 1)
