"""Changes training pictures the way a hand, a lens and a lamp do. Whole batches, seeded.

Geometry runs in OpenCV, one warp a picture whatever its parts; light, paper and noise run in numpy on the
whole batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn_train.augment.randaugment import randaugment

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
    cropped = _crop(images, spec, rng)
    moved = _warp(cropped, spec, rng)
    if spec.randaugment:
        moved = randaugment(moved, spec.randaugment, rng)
    result = _shade(moved, spec, rng) if _shaded(spec) else moved
    if spec.cutout:
        result = _cutout(result, spec.cutout, rng)
    if spec.clean:
        kept = rng.random(len(images)) < spec.clean
        result[kept] = _mirror(cropped[kept], rng) if spec.flip else cropped[kept]
    return result


def _shade(images: NDArray[np.uint8], spec: AugmentSpec, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change what pixels are worth, not where they are."""
    changed = images.astype(np.float32)
    if spec.paper:
        changed = _paper(changed, rng)
    if spec.light:
        changed *= _light(changed.shape, spec.light, rng)
    if spec.color:
        changed = _color(changed, spec.color, rng)
    if spec.blur:
        changed = _blur(changed, spec.blur, rng)
    if spec.speckle:
        strength = rng.uniform(0, spec.speckle, (len(changed), 1, 1, 1)).astype(np.float32)
        changed *= 1 + strength * rng.standard_normal(changed.shape, np.float32)
    if spec.noise:
        strength = rng.uniform(0, spec.noise, (len(changed), 1, 1, 1)).astype(np.float32)
        changed += strength * rng.standard_normal(changed.shape, np.float32)
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


def _shaded(spec: AugmentSpec) -> bool:
    return bool(spec.paper or spec.light or spec.color or spec.blur or spec.noise or spec.speckle)


def _moved(spec: AugmentSpec) -> bool:
    return bool(spec.shift or spec.scale or spec.rotate or spec.perspective)


def active(spec: AugmentSpec) -> bool:
    """Whether the recipe changes single pictures at all; mixing them with one another is `mix`'s."""
    return bool(_moved(spec) or _shaded(spec) or spec.flip or spec.crop or spec.cutout or spec.randaugment)


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


def _crop(images: NDArray[np.uint8], spec: AugmentSpec, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Pad every side with the mirrored picture and cut the picture's size out anywhere (He et al. 2016)."""
    count, height, width, _ = images.shape
    down, across = round(spec.crop * height), round(spec.crop * width)
    if not (down or across):
        return images
    padded = np.pad(images, ((0, 0), (down, down), (across, across), (0, 0)), mode="reflect")
    tops, lefts = rng.integers(2 * down + 1, size=count), rng.integers(2 * across + 1, size=count)
    cut = np.empty_like(images)
    for i, (top, left) in enumerate(zip(tops.tolist(), lefts.tolist(), strict=True)):
        cut[i] = padded[i, top : top + height, left : left + width]
    return cut


def _mirror(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Mirror every second picture or so, left to right."""
    mirrored = np.asarray(rng.random(len(images)) < 0.5).reshape(-1, 1, 1, 1)
    return np.where(mirrored, images[:, :, ::-1], images)


def _cutout(images: NDArray[np.uint8], share: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Cover a square of mean grey, its middle anywhere in the picture (DeVries & Taylor 2017)."""
    count, height, width, _ = images.shape
    half = share * min(height, width) / 2
    y, x = np.ogrid[0:height, 0:width]
    middle_y = rng.uniform(0, height, (count, 1, 1))
    middle_x = rng.uniform(0, width, (count, 1, 1))
    hole = (np.abs(y - middle_y) < half) & (np.abs(x - middle_x) < half)
    return np.where(hole[..., None], np.uint8(128), images)


def _warp(images: NDArray[np.uint8], spec: AugmentSpec, rng: np.random.Generator) -> NDArray[np.uint8]:
    count, height, width, channels = images.shape
    if not _moved(spec):  # a mirror alone needs no interpolation
        return _mirror(images, rng) if spec.flip else images.copy()
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


def _color(images: NDArray[np.float32], amount: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Change brightness, contrast, saturation and hue by up to `amount`, all in one 3×3 matrix a picture.

    Saturation scales the distance from grey; hue turns about the grey axis by up to amount/2 of a half turn.
    Grey pictures change in brightness and contrast.
    """
    shape = (len(images), 1, 1, 1)
    gain, contrast, saturation = (
        rng.uniform(1 - amount, 1 + amount, shape).astype(np.float32) for _ in range(3)
    )
    turn = rng.uniform(-amount, amount, len(images)) * np.pi / 2
    mean = images.mean(axis=(1, 2), keepdims=True).mean(axis=3, keepdims=True)
    if images.shape[3] == 3:
        grey = np.full((3, 3), 1 / 3)
        # Rodrigues' formula about the axis (1, 1, 1)/√3.
        cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
        cosine, sine = np.cos(turn)[:, None, None], np.sin(turn)[:, None, None]
        rotation = cosine * np.eye(3) + (1 - cosine) * grey + sine * cross
        matrix = grey + saturation[:, 0] * (rotation - grey)
        images = np.einsum("nhwc,ndc->nhwd", images, matrix.astype(np.float32), optimize=True)
    return np.asarray(gain * (mean + contrast * (images - mean)), np.float32)


def _blur(images: NDArray[np.float32], most: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Blur every second picture or so by up to `most` pixels."""
    for i, sigma in enumerate(rng.uniform(-most, most, len(images))):
        if sigma > 0.2:
            images[i] = cv2.GaussianBlur(images[i], (0, 0), sigma).reshape(images[i].shape)
    return images
