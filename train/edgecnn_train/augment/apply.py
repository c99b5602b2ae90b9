"""Applies a recipe's augmentations, stage by stage; see `AUGMENTATIONS` for the stages and their arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn_train.augment.single import mirror
from edgecnn_train.registry import AUGMENTATIONS, Augmentation, Stage, load

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn_train.recipe import AugmentSpec


def augment(images: NDArray[np.uint8], spec: AugmentSpec, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return changed copies of a batch, or the batch itself if the recipe changes nothing.

    Parameters
    ----------
    images
        uint8 N×H×W×C.
    spec
        The amount of each change; see `AugmentSpec`.
    rng
        The same state gives the same images.
    """
    if not active(spec):
        return images
    cropped = _apply("crop", images, spec, rng)
    changed = _apply("move", cropped, spec, rng)
    if _chosen("shade", spec):
        shaded = _apply("shade", changed.astype(np.float32), spec, rng)
        changed = np.clip(np.rint(shaded), 0, 255).astype(np.uint8)
    changed = _apply("cover", changed, spec, rng)
    if spec.clean:
        clean = rng.random(len(images)) < spec.clean
        changed[clean] = mirror(cropped[clean], rng) if spec.flip else cropped[clean]
    return np.asarray(changed)


def active(spec: AugmentSpec) -> bool:
    """Whether the recipe changes single images at all; `mixes` says whether it mixes them."""
    return any(_chosen(stage, spec) for stage in ("crop", "move", "shade", "cover"))


def mixes(spec: AugmentSpec) -> bool:
    """Whether the recipe mixes images with one another."""
    return bool(_chosen("mix", spec))


def mix(
    images: NDArray[np.float32], targets: NDArray[np.float32], spec: AugmentSpec, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mix a batch, N×H×W×C, and its targets, N×K; of several kinds of mixing one is drawn."""
    kinds = _chosen("mix", spec)
    if not kinds:
        return images, targets
    kind = kinds[rng.integers(len(kinds))]
    mixed, shared = load(kind.code)(images, targets, *_amounts(kind, spec), rng)
    return mixed, shared


def _chosen(stage: Stage, spec: AugmentSpec) -> list[Augmentation]:
    return [row for row in AUGMENTATIONS if row.stage == stage and any(_amounts(row, spec))]


def _amounts(row: Augmentation, spec: AugmentSpec) -> list[float]:
    return [getattr(spec, key) for key in row.limits]


def _apply(stage: Stage, images: Any, spec: AugmentSpec, rng: np.random.Generator) -> Any:
    for row in _chosen(stage, spec):
        images = load(row.code)(images, *_amounts(row, spec), rng)
    return images


for _row in AUGMENTATIONS:
    load(_row.code)
