"""The frames to measure on: as images, and as the JPEG files that a webcam delivers."""

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

# A camera's new frame is in the processor's cache: eight of 640×480 (7 MB) do not fit everywhere.
FRAME_COUNT = 4
# Webcams do not report their JPEG quality; their frames of 640×480 are about as large as these.
JPEG_QUALITY = 90
# The longest side of a JPEG in libjpeg.
MOST_PIXELS = 65_500


@dataclass(frozen=True, slots=True)
class Frames:
    """Images, uint8 H×W×3 BGR, the same images as JPEG files, and a description for reports."""

    images: tuple[NDArray[np.uint8], ...]
    jpegs: tuple[bytes, ...]
    about: str

    @classmethod
    def of(cls, images: Iterable[NDArray[np.uint8]], origin: str) -> Frames:
        """Compress images of `origin`, at least one. Raises CameraError where one is too large for JPEG."""
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
        """Return the default frames: 640×480, from the synthetic camera."""
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
    """Return the synthetic frames as images."""
    with SyntheticCamera("synthetic:seed=1,fps=0,hold=1") as camera:
        return [camera.draw(i)[0] for i in range(FRAME_COUNT)]


def capture(jpeg: bytes, least: int | None = None) -> NDArray[np.uint8]:
    """Decode a webcam's compressed frame as the cameras do.

    The shorter side keeps at least `least` pixels; None for the full size.
    """
    return decode_reduced(jpeg, "a frame", least, quiet=False)[0]
