"""Reads an image argument: a path, a PIL image or an array. All become arrays in BGR.

PIL is not imported: its images are recognized by their methods.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from edgecnn.errors import ImageError
from edgecnn.image.file import read_image
from edgecnn.image.transparency import upright

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Background

_ORIENTATION = 0x0112  # EXIF's tag


@runtime_checkable
class PilImage(Protocol):
    """The used part of `PIL.Image.Image`."""

    @property
    def mode(self) -> str:
        """The pixel format: `RGB`, `L`, `P` and others."""
        ...

    def convert(self, mode: str) -> Any:
        """Return the image in another mode."""
        ...

    def getexif(self) -> Any:
        """Return its EXIF tags, a mapping by number."""
        ...


def read_input(
    image: object, least: int | None = None, background: Background = "white", *, rgb: bool = False
) -> Any:
    """Return an image as uint8 H×W (grey), H×W×3 (BGR) or H×W×4 (BGRA); arrays are not checked here.

    Parameters
    ----------
    image
        A path; a PIL image, in its EXIF orientation, like a file; or an array.
    least
        The least length of the shorter side of a JPEG file; see `edgecnn.image.file.reduction`.
    background
        The background of a transparent file.
    rgb
        Whether an array's channels are red, green, blue (and alpha); ignored for paths and PIL images.

    Raises
    ------
    ImageError
        For a file that can't be read, a PIL image of a mode without a range, and any other type.
    """
    if isinstance(image, np.ndarray):
        return _swapped(image) if rgb and image.ndim == 3 and image.shape[2] in (3, 4) else image
    if isinstance(image, str | os.PathLike):
        if not os.fspath(image):
            raise ImageError("an image's path is empty")
        return read_image(image, least, background)
    if isinstance(image, PilImage):
        return _from_pil(image)
    if image is None:
        raise ImageError(
            "an image is None, expected a path, a PIL image or an array: did cv2.imread find its file?"
        )
    raise ImageError(
        f"an image is of type {type(image).__name__}, expected a path, a PIL image, or a uint8 array of "
        "H×W×3 (BGR, or RGB with rgb=True)"
    )


def _swapped(image: NDArray[Any]) -> NDArray[Any]:
    """Swap red and blue; an alpha channel stays."""
    return np.ascontiguousarray(image[..., [2, 1, 0, 3][: image.shape[2]]])


def _from_pil(image: PilImage) -> NDArray[Any]:
    if image.mode in ("I", "F"):
        raise ImageError(
            f"a PIL image is of mode {image.mode}, whose values have no known range: "
            "convert it to RGB, or give its file's path"
        )
    if image.mode.startswith("I;16"):
        pixels = (np.asarray(image) >> 8).astype(np.uint8)  # as OpenCV reads such files
    else:
        pixels = np.asarray(image.convert(_mode(image)))
    pixels = upright(pixels, image.getexif().get(_ORIENTATION, 1))
    return _swapped(pixels) if pixels.ndim == 3 else pixels


def _mode(image: PilImage) -> str:
    """Return the mode that keeps an image's color and transparency."""
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in getattr(image, "info", ()):
        return "RGBA"
    return "L" if image.mode in ("1", "L") else "RGB"
