"""Reads the header of an image file as data, before a decoder trusts it.

A decoder allocates what a header claims and repeats what a file demands: a PNG of 41 bytes can take 4 GB,
a JPEG of 2 MB minutes. So formats are recognized by their signature, all others are refused, and each has a
small reader here that checks its structure and computes the most memory that OpenCV needs. The bytes per
pixel were measured with OpenCV 5.0; docs/safety.md has them.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from edgecnn.errors import ImageError
from edgecnn.image.header.foreign import is_convertible, name_of_foreign
from edgecnn.image.names import USUAL

EXPECTED = USUAL

# Bytes that each decoder takes in addition to those for the image: tables, buffers and rows.
OVERHEAD = 8 << 20
# OpenCV's image and Python's copy of it, 3 bytes each; 4 where it keeps the alpha.
PER_PIXEL = 6.25
PER_CLEAR_PIXEL = 8.25

_READERS = {
    b"\xff\xd8": "jpeg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"RIFF": "webp",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
    b"BM": "bmp",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
    **{b"P%d%c" % (kind, space): "pnm" for kind in range(1, 7) for space in b" \t\n\r\v\f"},
    b"P7\n": "pnm",
    b"PF\n": "pnm",
    b"Pf\n": "pnm",
}
_LONGEST = max(map(len, _READERS))


class HeaderError(ValueError):
    """An image's structure is invalid; the text follows the file's name in messages."""


class Alpha(NamedTuple):
    """How an image is transparent.

    Attributes
    ----------
    premultiplied
        Whether the decoder returns colors multiplied by the alpha.
    clear_grey
        The one transparent level of a gray image, 0 to 255, or to 65,535 for 16 bits.
    orientation
        EXIF's orientation, 1 to 8, where the decoder does not apply it to an image that keeps its alpha.
    never_turned
        Whether the decoder does not apply the orientation to any image of this format.
    depth
        The bits per sample where the decoder returns uint16.
    """

    premultiplied: bool = False
    clear_grey: int | None = None
    orientation: int = 1
    never_turned: bool = False
    depth: int = 16


class Claim(NamedTuple):
    """What the header of an image claims.

    Attributes
    ----------
    width, height
        In pixels, before any rotation.
    memory
        The most bytes of memory for decoding it, without the file.
    bounded
        Whether the checks bound the decoder's time and memory. Other images are decoded in a process with
        limits.
    alpha
        Its transparency; None for an opaque image.
    """

    width: int
    height: int
    memory: int
    bounded: bool
    alpha: Alpha | None = None

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.width * self.height


def read_claim(data: bytes | bytearray, source: str, reduce: int = 1) -> Claim:
    """Return the claim of an image's header; `source` is its name in messages.

    Parameters
    ----------
    reduce
        The factor by which a JPEG will be decoded smaller: 1, 2, 4 or 8.

    Raises
    ------
    ImageError
        For an unsupported format and for a damaged structure.
    """
    if not data:
        raise ImageError(f"{source} is empty (0 bytes)")
    start = bytes(data[:_LONGEST])
    reader = next((r for length in (2, 8, 4, 6, 3) if (r := _READERS.get(start[:length]))), None)
    if reader is None and data[4:8] == b"ftyp" and _is_avif(bytes(data[:256])):
        reader = "avif"
    if reader is None or (reader == "webp" and data[8:12] != b"WEBP"):
        what = name_of_foreign(bytes(data[:1024]))
        cure = "convert it first" if is_convertible(what) else "give an image"
        raise ImageError(f"{source} is {what}, expected a {EXPECTED} image: {cure}")
    try:
        found: Claim = import_module(f"edgecnn.image.header.{reader}").read(data, reduce)
    except HeaderError as error:
        raise ImageError(f"{source} {error}") from error
    if found.width < 1 or found.height < 1:
        raise ImageError(f"{source} has {found.width:,}×{found.height:,} pixels: it is damaged")
    return found


def _is_avif(start: bytes) -> bool:
    from edgecnn.image.header.avif import is_avif  # like each reader, only where it is needed

    return is_avif(start)


def check_claim(claim: Claim, file_bytes: int, source: str, megapixels: float, memory: int) -> None:
    """Refuse an image that is too large.

    Parameters
    ----------
    file_bytes
        The file's size, which is in memory too.
    megapixels, memory
        The limits; memory is in bytes.

    Raises
    ------
    ImageError
        Where one is exceeded.
    """
    size = f"{claim.width:,}×{claim.height:,}"
    if claim.pixels > megapixels * 1_000_000:
        raise ImageError(f"{source} has more than {megapixels:g} megapixels ({size}): make it smaller first")
    if claim.memory + file_bytes > memory:
        raise ImageError(
            f"{source} needs {(claim.memory + file_bytes) / 1e6:,.0f} MB of memory to be decoded "
            f"({size} pixels), more than the {memory / 1e6:,.0f} MB that an image may take here: "
            "make it smaller first"
        )
