"""Blends transparent images with a plain background, in training and at runtime.

The color of fully transparent pixels depends on the program that wrote the file, and is mostly black: a black
drawing on transparency would become a black square.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Background
    from edgecnn.image.header import Alpha

_LEVELS: dict[Background, int] = {"white": 255, "black": 0, "gray": 128}
# Pixels that are blended at a time, so that it takes little memory in addition to the images.
_STRIP = 1 << 16
# EXIF's orientations: quarter turns clockwise, and whether to mirror left to right first.
_TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (1, False), 7: (1, True), 8: (3, False)}


def flatten(
    image: NDArray[Any], background: Background = "white", *, premultiplied: bool = False, depth: int = 16
) -> NDArray[np.uint8]:
    """Return an image of H×W×4 (BGRA), uint8 or uint16, blended with the background: uint8 H×W×3 (BGR).

    Parameters
    ----------
    premultiplied
        Whether the colors are already multiplied by the alpha.
    depth
        The bits per sample of uint16.
    """
    rows, columns = image.shape[:2]
    result = np.empty((rows, columns, 3), np.uint8)
    step = max(1, _STRIP // columns)
    for top in range(0, rows, step):
        strip = image[top : top + step].astype(np.uint16)
        if image.dtype == np.uint16:
            strip >>= depth - 8  # as OpenCV converts 16 bits to 8
        color, alpha = strip[..., :3], strip[..., 3:]
        ground = _LEVELS[background] * (255 - alpha)
        lit = np.minimum(color, alpha) * 255 if premultiplied else color * alpha
        result[top : top + step] = (lit + ground + 127) // 255
    return result


def flatten_decoded(image: NDArray[Any], alpha: Alpha, background: Background) -> NDArray[np.uint8] | None:
    """Blend an image that OpenCV decoded unchanged, and turn it upright; None where its alpha was lost.

    Parameters
    ----------
    alpha
        The transparency that the header claims.
    """
    if alpha.clear_grey is not None and image.ndim == 2:
        grey = image if image.dtype == np.uint8 else (image >> 8).astype(np.uint8)
        grey = np.where(image == alpha.clear_grey, np.uint8(_LEVELS[background]), grey)
        flat: NDArray[np.uint8] = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)  # type: ignore[assignment]
    elif image.ndim == 3 and image.shape[2] == 4 and image.dtype in (np.uint8, np.uint16):
        flat = flatten(image, background, premultiplied=alpha.premultiplied, depth=alpha.depth)
    elif image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8:
        flat = image  # the format allows transparency, but this image has none
    else:
        return None
    return upright(flat, alpha.orientation)


def upright(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn an image to its EXIF orientation, which OpenCV does not apply where it keeps the alpha."""
    quarters, mirrored = _TURNS.get(orientation, (0, False))
    turned = np.rot90(image[:, ::-1] if mirrored else image, -quarters)
    return np.ascontiguousarray(turned)
