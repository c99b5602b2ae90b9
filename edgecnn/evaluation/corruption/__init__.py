"""Image corruptions at five strengths, to measure a model's robustness.

`STANDARD` are the 15 of Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations" (https://arxiv.org/abs/1903.12261), with the constants published for
CIFAR-10-C (https://github.com/hendrycks/robustness, make_cifar_c.py), which are meant for 32 pixels. On
larger images every length (radius, shift, flake, block) is multiplied by side/32; noise stays per
pixel, and JPEG's blocks keep their size. Where a function deviates from the publication, its
docstring says so; all of them round to the nearest pixel value, where the publication truncates. As there,
images are corrupted at the model's own size.

`CAPTURE` and `SCENES` are this project's own: faults of cameras, and complex scenes. Scenes are composed from
whole images.

A model must not be trained with the corruptions that it is measured with: keep these out of augmentation.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edgecnn.evaluation.corruption.blur import defocus_blur, glass_blur, motion_blur, zoom_blur
from edgecnn.evaluation.corruption.capture import low_light, low_resolution, occlusion, over_exposure
from edgecnn.evaluation.corruption.digital import contrast, elastic_transform, jpeg_compression, pixelate
from edgecnn.evaluation.corruption.noise import gaussian_noise, impulse_noise, shot_noise
from edgecnn.evaluation.corruption.scene import clutter, off_centre, second_object, small_subject
from edgecnn.evaluation.corruption.weather import brightness, fog, frost, snow

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRENGTHS = (1, 2, 3, 4, 5)


class Corruption(Protocol):
    """Corrupts an image: uint8 H×W×3 BGR or H×W grey in, a new one of the same shape out."""

    def __call__(
        self, image: NDArray[np.uint8], strength: int, rng: np.random.Generator, /
    ) -> NDArray[np.uint8]:
        """Corrupt one image at a strength from 1 to 5; all randomness comes from `rng`."""
        ...


class Scene(Protocol):
    """Composes an image with another one of another class; shapes as for `Corruption`."""

    def __call__(
        self, image: NDArray[np.uint8], strength: int, rng: np.random.Generator, other: NDArray[np.uint8], /
    ) -> NDArray[np.uint8]:
        """Compose one scene of the subject's shape at a strength from 1 to 5."""
        ...


STANDARD: dict[str, Corruption] = {
    "gaussian_noise": gaussian_noise,
    "shot_noise": shot_noise,
    "impulse_noise": impulse_noise,
    "defocus_blur": defocus_blur,
    "glass_blur": glass_blur,
    "motion_blur": motion_blur,
    "zoom_blur": zoom_blur,
    "snow": snow,
    "frost": frost,
    "fog": fog,
    "brightness": brightness,
    "contrast": contrast,
    "elastic_transform": elastic_transform,
    "pixelate": pixelate,
    "jpeg_compression": jpeg_compression,
}
CAPTURE: dict[str, Corruption] = {
    "low_resolution": low_resolution,
    "occlusion": occlusion,
    "low_light": low_light,
    "over_exposure": over_exposure,
}
SCENES: dict[str, Scene] = {
    "small_subject": small_subject,
    "off_centre": off_centre,
    "clutter": clutter,
    "second_object": second_object,
}
NAMES = (*STANDARD, *CAPTURE, *SCENES)


def generator(*identity: object) -> np.random.Generator:
    """Return the generator for a seed, an image's id, a corruption and a strength, always the same one."""
    return np.random.default_rng(int.from_bytes(digest(*identity), "little"))


def digest(*identity: object) -> bytes:
    """Return a digest of these values, 16 bytes, the same on every machine."""
    return hashlib.blake2b("\0".join(map(str, identity)).encode(), digest_size=16).digest()
