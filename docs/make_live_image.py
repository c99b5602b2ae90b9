"""Makes docs/live.jpg, the README's image: six moments of a live run, as the window shows them.

python docs/make_live_image.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

import edgecnn
from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.live.loop import run
from edgecnn.live.sink import Sink
from edgecnn.live.sink.window import annotate

MOMENTS = (25, 55, 85, 115, 145, 175)


class Keep(Sink):
    """A sink that keeps the images of some moments."""

    def __init__(self) -> None:
        self.images: list[np.ndarray] = []

    def show(self, result, stats) -> None:
        """Draw the frame as the window does."""
        if stats.frames in MOMENTS:
            self.images.append(annotate(result, stats))


def main() -> None:
    """Run live on the synthetic camera and write the image."""
    keep = Keep()
    with edgecnn.load("digits") as classifier, SyntheticCamera("synthetic:seed=21") as camera:
        run(classifier, camera, [keep], frames=max(MOMENTS))
    small = [cv2.resize(p, (400, 300), interpolation=cv2.INTER_AREA) for p in keep.images]
    image = np.vstack([np.hstack(small[:3]), np.hstack(small[3:])])
    quality = [cv2.IMWRITE_JPEG_QUALITY, 88]
    cv2.imwrite(str(Path(__file__).with_name("live.jpg")), image, quality)


if __name__ == "__main__":
    main()
