"""Rotates and mirrors a camera's frames, and marks their region of interest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2

from edgecnn.errors import OptionError

if TYPE_CHECKING:
    from edgecnn.frame import Box, Frame

_ROTATIONS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


class Framing:
    """Turns frames, then mirrors them, then marks the region that is classified.

    Parameters
    ----------
    rotate
        Degrees clockwise: 0, 90, 180 or 270.
    flip
        Whether to mirror left and right.
    roi
        The region of interest in pixels after rotating and mirroring; None for the whole image.
    """

    def __init__(self, rotate: int = 0, *, flip: bool = False, roi: Box | None = None) -> None:
        if rotate and rotate not in _ROTATIONS:
            raise OptionError(f"the rotation is {rotate!r} degrees, expected 0, 90, 180 or 270")
        if roi is not None and (min(roi) < 0 or roi.width < 1 or roi.height < 1):
            raise OptionError(f"the region is {_say(roi)}, expected x,y,width,height in pixels")
        self._rotate, self._flip, self._roi = rotate, flip, roi

    def __call__(self, frame: Frame) -> Frame:
        """Return the framed frame. Raises OptionError where the region exceeds the image."""
        pixels = frame.pixels
        if self._rotate:
            pixels = cv2.rotate(pixels, _ROTATIONS[self._rotate])  # type: ignore[assignment]
        if self._flip:
            pixels = cv2.flip(pixels, 1)  # type: ignore[assignment]
        if roi := self._roi:
            height, width = pixels.shape[:2]
            if roi.x + roi.width > width or roi.y + roi.height > height:
                raise OptionError(
                    f"the region {_say(roi)} reaches beyond the image, which has {width}×{height} pixels: "
                    "give one inside of it as --roi x,y,width,height"
                )
        return replace(frame, pixels=pixels, roi=self._roi, small=None)


def _say(roi: Box) -> str:
    return ",".join(map(str, roi))
