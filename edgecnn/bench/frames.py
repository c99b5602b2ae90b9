"""The frames that everything is measured on: as images, and as a webcam delivers them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.errors import CameraError
from edgecnn.image.file import decode_reduced
from edgecnn.io.address import mask_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

# A frame that a camera has just delivered lies in the cache: eight of 640×480 (7 MB) no longer do everywhere.
FRAME_COUNT = 4
# What webcams compress to is not said anywhere; their frames of 640×480 are about as large as these.
JPEG_QUALITY = 90
# Of a side, as libjpeg has it.
MOST_PIXELS = 65_500


@dataclass(frozen=True, slots=True)
class Frames:
    """Images, uint8 H×W×3 BGR, the same ones as JPEG files, and what they are, for a person."""

    images: tuple[NDArray[np.uint8], ...]
    jpegs: tuple[bytes, ...]
    about: str

    @classmethod
    def of(cls, images: Iterable[NDArray[np.uint8]], origin: str) -> Frames:
        """Compress some images of `origin`; at least one is needed."""
        import cv2

        kept = tuple(images)
        if any(max(p.shape[:2]) > MOST_PIXELS for p in kept):
            raise CameraError(
                f"an image {origin} has a side of more than {MOST_PIXELS:,} pixels, the most of a JPEG"
            )
        encoded = (cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1] for p in kept)
        sizes = sorted({f"{p.shape[1]}×{p.shape[0]}" for p in kept})
        size = sizes[0] if len(sizes) == 1 else "several sizes"
        about = f"{len(kept)} frame{'s' * (len(kept) > 1)} of {size}, {origin}"
        return cls(kept, tuple(jpeg.tobytes() for jpeg in encoded), about)

    @classmethod
    def synthetic(cls) -> Frames:
        """Return those that are taken where no others are named: 640×480, from the synthetic camera."""
        return cls.of(bench_frames(), "synthetic")

    @classmethod
    def read(cls, source: str) -> Frames:
        """Return the first frames of a folder, image, video or camera. Raises CameraError."""
        from edgecnn.camera import open_guarded

        name = mask_secrets(source)
        found: list[NDArray[np.uint8]] = []
        with open_guarded(source) as camera:
            while len(found) < FRAME_COUNT and (frame := camera.read()):
                found.append(frame.pixels)
        if not found:
            raise CameraError(f"{name} gave no frame to measure on")
        return cls.of(found, f"from {name}")


def bench_frames() -> list[NDArray[np.uint8]]:
    """Return the synthetic ones as images."""
    with SyntheticCamera("synthetic:seed=1,fps=0,hold=1") as camera:
        return [camera.draw(i)[0] for i in range(FRAME_COUNT)]


def capture(jpeg: bytes, least: int | None = None) -> NDArray[np.uint8]:
    """Return the image of a webcam's compressed frame, as the camera's room decodes it.

    `least` is how long its shorter side has to be at least, None for the full size.
    """
    return decode_reduced(jpeg, "a frame", least, quiet=False)[0]
