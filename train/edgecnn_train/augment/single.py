"""Changes single training images as a hand, a lens and a lamp do: whole batches, by a seeded generator.

Geometry runs in OpenCV, one warp an image whatever its parts; light, paper and noise run in numpy on the
whole batch. Each public function is the code of a row of `AUGMENTATIONS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def homographies(
    count: int,
    size: tuple[int, int],
    rng: np.random.Generator,
    *,
    shift: float = 0.0,
    scale: float = 0.0,
    rotate: float = 0.0,
    perspective: float = 0.0,
    flip: bool = False,
) -> NDArray[np.float64]:
    """Return `count` 3×3 matrices that shift, scale, rotate, tilt and flip about the middle of an image.

    `size` is width and height in pixels; the amounts are those of the section [augment].
    """
    width, height = size
    angle = np.deg2rad(rng.uniform(-rotate, rotate, count))
    zoom = np.exp(rng.uniform(-scale, scale, count))
    stretch = np.exp(rng.uniform(-scale, scale, count) / 3)
    mirror = np.where(rng.random(count) < (0.5 if flip else 0), -1.0, 1.0)
    matrices = np.tile(np.eye(3), (count, 1, 1))
    c, s = np.cos(angle) * zoom, np.sin(angle) * zoom
    matrices[:, 0, 0], matrices[:, 0, 1] = c * stretch * mirror, -s
    matrices[:, 1, 0], matrices[:, 1, 1] = s * mirror, c / stretch
    matrices[:, 0, 2] = rng.uniform(-shift, shift, count) * width
    matrices[:, 1, 2] = rng.uniform(-shift, shift, count) * height
    tilt = np.tile(np.eye(3), (count, 1, 1))
    tilt[:, 2, :2] = rng.uniform(-perspective, perspective, (count, 2)) / max(width, height)
    x, y = (width - 1) / 2, (height - 1) / 2
    to_middle = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]])
    back = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
    return np.asarray(back @ matrices @ tilt @ to_middle)


def crop(images: NDArray[np.uint8], share: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Pad every side with the mirrored image and cut a window of the image's size (He et al. 2016)."""
    count, height, width, _ = images.shape
    down, across = round(share * height), round(share * width)
    if not (down or across):
        return images
    padded = np.pad(images, ((0, 0), (down, down), (across, across), (0, 0)), mode="reflect")
    tops, lefts = rng.integers(2 * down + 1, size=count), rng.integers(2 * across + 1, size=count)
    cut = np.empty_like(images)
    for i, (top, left) in enumerate(zip(tops.tolist(), lefts.tolist(), strict=True)):
        cut[i] = padded[i, top : top + height, left : left + width]
    return cut


def mirror(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Mirror each image left to right with a probability of one half."""
    mirrored = np.asarray(rng.random(len(images)) < 0.5).reshape(-1, 1, 1, 1)
    return np.where(mirrored, images[:, :, ::-1], images)


def warp(
    images: NDArray[np.uint8],
    shift: float,
    scale: float,
    rotate: float,
    perspective: float,
    flip: bool,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Apply one of `homographies` to each image; the edge's pixels are repeated outside."""
    if not (shift or scale or rotate or perspective):  # a mirror alone needs no interpolation
        return mirror(images, rng)
    count, height, width, channels = images.shape
    matrices = homographies(
        count, (width, height), rng, shift=shift, scale=scale, rotate=rotate, perspective=perspective,
        flip=flip,
    )  # fmt: skip
    warped = np.empty_like(images)
    for i, matrix in enumerate(matrices):
        moved = cv2.warpPerspective(
            images[i], matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        warped[i] = moved.reshape(height, width, channels)
    return warped


def cutout(images: NDArray[np.uint8], share: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Cover a square with mid-gray, its center anywhere in the image (DeVries & Taylor 2017)."""
    count, height, width, _ = images.shape
    half = share * min(height, width) / 2
    y, x = np.ogrid[0:height, 0:width]
    middle_y = rng.uniform(0, height, (count, 1, 1))
    middle_x = rng.uniform(0, width, (count, 1, 1))
    hole = (np.abs(y - middle_y) < half) & (np.abs(x - middle_x) < half)
    return np.where(hole[..., None], np.uint8(128), images)


def paper(strokes: NDArray[np.float32], _: bool, rng: np.random.Generator) -> NDArray[np.float32]:
    """Redraw bright strokes on black as ink of any shade on paper of any shade."""
    shape = (len(strokes), 1, 1, 1)
    ground = rng.uniform(0, 255, shape).astype(np.float32)
    # Ink and paper differ by at least a fifth of the range.
    contrast = rng.uniform(50, 255, shape).astype(np.float32)
    darker = rng.random(shape) < 0.65
    ink = np.where(darker, ground - contrast, ground + contrast)
    too_far = (ink < 0) | (ink > 255)
    ground = np.where(too_far, np.where(darker, contrast, 255 - contrast), ground)
    ink = np.where(too_far, np.where(darker, 0, 255), ink)
    return np.asarray(ground + strokes * ((ink - ground) / 255), np.float32)


def light(images: NDArray[np.float32], amount: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Multiply by a level, and by a slope across the image in any direction."""
    count, height, width, _ = images.shape
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j].astype(np.float32)[..., None]
    direction = rng.uniform(0, 2 * np.pi, (count, 1, 1, 1)).astype(np.float32)
    slope = rng.uniform(0, amount, (count, 1, 1, 1)).astype(np.float32)
    level = rng.uniform(1 - amount, 1 + amount / 4, (count, 1, 1, 1)).astype(np.float32)
    return np.asarray(images * (level * (1 + slope * (np.cos(direction) * x + np.sin(direction) * y))))


def color(images: NDArray[np.float32], amount: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Change brightness, contrast, saturation and hue by up to `amount`, in one 3×3 matrix per image.

    Saturation scales the distance from gray; hue turns about the gray axis by up to amount/2 of a half turn.
    Gray images change in brightness and contrast.
    """
    shape = (len(images), 1, 1, 1)
    gain, contrast, saturation = (
        rng.uniform(1 - amount, 1 + amount, shape).astype(np.float32) for _ in range(3)
    )
    turn = rng.uniform(-amount, amount, len(images)) * np.pi / 2
    mean = images.mean(axis=(1, 2), keepdims=True).mean(axis=3, keepdims=True)
    if images.shape[3] == 3:
        gray = np.full((3, 3), 1 / 3)
        # Rodrigues' formula about the axis (1, 1, 1)/√3.
        cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
        cosine, sine = np.cos(turn)[:, None, None], np.sin(turn)[:, None, None]
        rotation = cosine * np.eye(3) + (1 - cosine) * gray + sine * cross
        matrix = gray + saturation[:, 0] * (rotation - gray)
        images = np.einsum("nhwc,ndc->nhwd", images, matrix.astype(np.float32), optimize=True)
    return np.asarray(gain * (mean + contrast * (images - mean)), np.float32)


def blur(images: NDArray[np.float32], most: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Blur each image by a Gaussian of a sigma drawn from -most to most pixels, if it is above 0.2."""
    blurred = images.copy()
    for i, sigma in enumerate(rng.uniform(-most, most, len(images))):
        if sigma > 0.2:
            blurred[i] = cv2.GaussianBlur(images[i], (0, 0), sigma).reshape(images[i].shape)
    return blurred


def speckle(images: NDArray[np.float32], most: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Multiply each pixel by 1 plus Gaussian noise, whose deviation is drawn for each image."""
    return images * (1 + _noise(images.shape, most, rng))


def noise(images: NDArray[np.float32], most: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Add Gaussian noise, whose deviation in gray levels is drawn for each image."""
    return images + _noise(images.shape, most, rng)


def _noise(shape: tuple[int, ...], most: float, rng: np.random.Generator) -> NDArray[np.float32]:
    strength = rng.uniform(0, most, (shape[0], 1, 1, 1)).astype(np.float32)
    return strength * rng.standard_normal(shape, np.float32)
