"""Changes training pictures the way a hand, a lens and a lamp do. Whole batches, seeded.

Geometry runs in OpenCV, one warp a picture whatever its parts; light, paper and noise run in numpy on the
whole batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn_train.recipe import AugmentSpec


def augment(images: NDArray[np.uint8], spec: AugmentSpec, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return changed copies of a batch.

    Parameters
    ----------
    images
        uint8 N×H×W×C.
    spec
        How far to go in each way; see `AugmentSpec`.
    rng
        Decides everything; the same state gives the same pictures.
    """
    if not active(spec):
        return images
    changed = _warp(images, spec, rng).astype(np.float32)
    if spec.paper:
        changed = _paper(changed, rng)
    if spec.light:
        changed *= _light(changed.shape, spec.light, rng)
    if spec.blur:
        changed = _blur(changed, spec.blur, rng)
    if spec.noise:
        strength = rng.uniform(0, spec.noise, (len(changed), 1, 1, 1)).astype(np.float32)
        changed += strength * rng.standard_normal(changed.shape, np.float32)
    result = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
    kept = rng.random(len(images)) < spec.clean
    result[kept] = images[kept]
    return result


def active(spec: AugmentSpec) -> bool:
    """Whether the recipe changes pictures at all."""
    amounts = (spec.shift, spec.scale, spec.rotate, spec.perspective, spec.light, spec.blur, spec.noise)
    return any(amounts) or spec.flip or spec.paper


def homographies(
    count: int, width: int, height: int, spec: AugmentSpec, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return `count` 3×3 matrices that shift, scale, rotate, tilt and flip about the picture's middle."""
    angle = np.deg2rad(rng.uniform(-spec.rotate, spec.rotate, count))
    zoom = np.exp(rng.uniform(-spec.scale, spec.scale, count))
    stretch = np.exp(rng.uniform(-spec.scale, spec.scale, count) / 3)
    mirror = np.where(rng.random(count) < (0.5 if spec.flip else 0), -1.0, 1.0)
    matrices = np.tile(np.eye(3), (count, 1, 1))
    c, s = np.cos(angle) * zoom, np.sin(angle) * zoom
    matrices[:, 0, 0], matrices[:, 0, 1] = c * stretch * mirror, -s
    matrices[:, 1, 0], matrices[:, 1, 1] = s * mirror, c / stretch
    matrices[:, 0, 2] = rng.uniform(-spec.shift, spec.shift, count) * width
    matrices[:, 1, 2] = rng.uniform(-spec.shift, spec.shift, count) * height
    tilt = np.tile(np.eye(3), (count, 1, 1))
    tilt[:, 2, :2] = rng.uniform(-spec.perspective, spec.perspective, (count, 2)) / max(width, height)
    x, y = (width - 1) / 2, (height - 1) / 2
    to_middle = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]])
    back = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
    return np.asarray(back @ matrices @ tilt @ to_middle)


def _warp(images: NDArray[np.uint8], spec: AugmentSpec, rng: np.random.Generator) -> NDArray[np.uint8]:
    count, height, width, channels = images.shape
    if not (spec.shift or spec.scale or spec.rotate or spec.perspective or spec.flip):
        return images
    warped = np.empty_like(images)
    for i, matrix in enumerate(homographies(count, width, height, spec, rng)):
        moved = cv2.warpPerspective(
            images[i], matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        warped[i] = moved.reshape(height, width, channels)
    return warped


def _paper(strokes: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Redraw bright strokes on black with ink and paper of any shade, either one the darker."""
    shape = (len(strokes), 1, 1, 1)
    paper = rng.uniform(0, 255, shape).astype(np.float32)
    # At least a fifth of the whole range lies between ink and paper.
    contrast = rng.uniform(50, 255, shape).astype(np.float32)
    darker = rng.random(shape) < 0.65
    ink = np.where(darker, paper - contrast, paper + contrast)
    too_far = (ink < 0) | (ink > 255)
    paper = np.where(too_far, np.where(darker, contrast, 255 - contrast), paper)
    ink = np.where(too_far, np.where(darker, 0, 255), ink)
    return np.asarray(paper + strokes * ((ink - paper) / 255), np.float32)


def _light(shape: tuple[int, ...], amount: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a factor for each pixel: a level, and a slope across the picture in any direction."""
    count, height, width, _ = shape
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j].astype(np.float32)[..., None]
    direction = rng.uniform(0, 2 * np.pi, (count, 1, 1, 1)).astype(np.float32)
    slope = rng.uniform(0, amount, (count, 1, 1, 1)).astype(np.float32)
    level = rng.uniform(1 - amount, 1 + amount / 4, (count, 1, 1, 1)).astype(np.float32)
    return np.asarray(level * (1 + slope * (np.cos(direction) * x + np.sin(direction) * y)), np.float32)


def _blur(images: NDArray[np.float32], most: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Blur every second picture or so by up to `most` pixels."""
    for i, sigma in enumerate(rng.uniform(-most, most, len(images))):
        if sigma > 0.2:
            images[i] = cv2.GaussianBlur(images[i], (0, 0), sigma).reshape(images[i].shape)
    return images
