"""Mixes pictures with one another, and their targets with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn_train.recipe import AugmentSpec

Mixed = tuple["NDArray[np.float32]", "NDArray[np.float32]"]


def mixes(spec: AugmentSpec) -> bool:
    """Whether the recipe mixes pictures with one another at all."""
    return bool(spec.mixup or spec.cutmix)


def mix(
    pictures: NDArray[np.float32], targets: NDArray[np.float32], spec: AugmentSpec, rng: np.random.Generator
) -> Mixed:
    """Mix a batch, N×H×W×C, and its targets, N×K, as the recipe says; with both kinds, one by lot."""
    kinds = [k for k, alpha in ((mixup, spec.mixup), (cutmix, spec.cutmix)) if alpha]
    if not kinds:
        return pictures, targets
    kind = kinds[rng.integers(len(kinds))]
    return kind(pictures, targets, spec.mixup if kind is mixup else spec.cutmix, rng)


def mixup(
    pictures: NDArray[np.float32], targets: NDArray[np.float32], alpha: float, rng: np.random.Generator
) -> Mixed:
    """Return λ·a + (1 − λ)·b for shuffled pairs, each λ from Beta(alpha, alpha) (Zhang et al. 2018)."""
    share = rng.beta(alpha, alpha, len(pictures)).astype(np.float32)[:, None]
    partner = rng.permutation(len(pictures))
    wide = share[:, :, None, None]
    return (
        wide * pictures + (1 - wide) * pictures[partner],
        share * targets + (1 - share) * targets[partner],
    )


def cutmix(
    pictures: NDArray[np.float32], targets: NDArray[np.float32], alpha: float, rng: np.random.Generator
) -> Mixed:
    """Paste a box of another picture into each; targets share by area (Yun et al. 2019)."""
    count, height, width, _ = pictures.shape
    partner = rng.permutation(count)
    side = np.sqrt(1 - rng.beta(alpha, alpha, size=count))
    top, bottom = _span(rng, side, height)
    left, right = _span(rng, side, width)
    mixed = pictures.copy()
    for i in range(count):
        box = (slice(top[i], bottom[i]), slice(left[i], right[i]))
        mixed[i][box] = pictures[partner[i]][box]
    # The box may reach over the edge: what counts is the area that was pasted.
    pasted = ((bottom - top) * (right - left) / (height * width)).astype(np.float32)[:, None]
    return mixed, (1 - pasted) * targets + pasted * targets[partner]


def _span(
    rng: np.random.Generator, share: NDArray[np.float64], length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw where a part of that share of a side begins and ends, cut off at the picture's edges."""
    middle = rng.uniform(0, length, size=len(share))
    ends = [np.clip(np.rint(middle + s * share * length / 2), 0, length) for s in (-1, 1)]
    return ends[0].astype(np.int64), ends[1].astype(np.int64)
