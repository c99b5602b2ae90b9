"""Mixes images with one another, and their targets with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Mixed = tuple["NDArray[np.float32]", "NDArray[np.float32]"]


def mixup(
    images: NDArray[np.float32], targets: NDArray[np.float32], alpha: float, rng: np.random.Generator
) -> Mixed:
    """Return λ·a + (1 − λ)·b for shuffled pairs, each λ from Beta(alpha, alpha) (Zhang et al. 2018)."""
    share = rng.beta(alpha, alpha, len(images)).astype(np.float32)[:, None]
    partner = rng.permutation(len(images))
    wide = share[:, :, None, None]
    return (
        wide * images + (1 - wide) * images[partner],
        share * targets + (1 - share) * targets[partner],
    )


def cutmix(
    images: NDArray[np.float32], targets: NDArray[np.float32], alpha: float, rng: np.random.Generator
) -> Mixed:
    """Paste a box of another image into each; targets are mixed by area (Yun et al. 2019)."""
    count, height, width, _ = images.shape
    partner = rng.permutation(count)
    side = np.sqrt(1 - rng.beta(alpha, alpha, size=count))
    top, bottom = _span(rng, side, height)
    left, right = _span(rng, side, width)
    mixed = images.copy()
    for i in range(count):
        box = (slice(top[i], bottom[i]), slice(left[i], right[i]))
        mixed[i][box] = images[partner[i]][box]
    # The box may reach over the edge: only the area inside counts.
    pasted = ((bottom - top) * (right - left) / (height * width)).astype(np.float32)[:, None]
    return mixed, (1 - pasted) * targets + pasted * targets[partner]


def _span(
    rng: np.random.Generator, share: NDArray[np.float64], length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw where parts of a side begin and end; each has the drawn length, clipped at the image's edges."""
    middle = rng.uniform(0, length, size=len(share))
    ends = [np.clip(np.rint(middle + s * share * length / 2), 0, length) for s in (-1, 1)]
    return ends[0].astype(np.int64), ends[1].astype(np.int64)
