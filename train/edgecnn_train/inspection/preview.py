"""Shows images as a model is trained on them: plain, and changed by the recipe's augmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.dataset import left_out
from edgecnn.errors import DataError, ImageError
from edgecnn.image.preprocess import Preprocessor
from edgecnn_train.augment import augment, mix
from edgecnn_train.batches import scaled
from edgecnn_train.data import choose_input, input_tensor
from edgecnn_train.sheet import Cell, SheetSection, drawable_labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edgecnn.dataset import Item, Source
    from edgecnn_train.recipe import Recipe

MOST_ROWS = 12


def preview(
    source: Source, recipe: Recipe, say: Callable[[str], None], seed: int, changes: int = 8
) -> tuple[list[SheetSection], dict[str, str]]:
    """Return the sections of a contact sheet, one for each of up to 12 training images, and a legend.

    The first image of a row is the plain one as the model sees it, the others are changed. Images are drawn
    by `seed` from the training split, alternating between classes, and only those that are shown are read.
    The legend explains the labels that can't be drawn; see `drawable_labels`. Raises DataError.
    """
    for note in left_out(source):
        say(note)
    spec = choose_input(source, recipe, say)
    view = Preprocessor(spec, input_tensor(spec))
    rng = np.random.default_rng([seed, 400])
    items, images = [], []
    for item in _in_turn(source, rng):
        try:
            images.append(view.pixels(source.read(item)).copy())
            items.append(item)
        except (ImageError, DataError) as error:
            say(f"skipped: {error}")
        if len(items) == MOST_ROWS:
            break
    if not items:
        raise DataError("none of the images for training can be read")
    plain = np.stack(images)
    batch = plain[..., None] if plain.ndim == 3 else plain
    labels = np.array([item.label for item in items])
    targets = np.eye(len(source.labels), dtype=np.float32)[labels]
    columns = [batch, *(_change(batch, targets, recipe, rng) for _ in range(changes))]
    names, legend = drawable_labels(source.labels)
    cells = [
        SheetSection(
            "",
            tuple(Cell((_bgr(c[row]),), names[item.label] if k == 0 else "") for k, c in enumerate(columns)),
        )
        for row, item in enumerate(items)
    ]
    return cells, {n: x for n, x in legend.items() if n in {names[i.label] for i in items}}


def _change(
    batch: NDArray[np.uint8], targets: NDArray[np.float32], recipe: Recipe, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Change a batch, uint8 N×H×W×C, as training does: each image separately, then mixed with one another."""
    mixed, _ = mix(scaled(augment(batch, recipe.augment, rng)), targets, recipe.augment, rng)
    return np.rint(mixed * 255).astype(np.uint8)


def _in_turn(source: Source, rng: np.random.Generator) -> list[Item]:
    """Return the training images in random order, one of each class, then another of each."""
    usable = [i for i in source.items if i.split in (None, "train")]
    shuffled = [usable[k] for k in rng.permutation(len(usable))]
    turn: dict[int, int] = {}
    order = []
    for item in shuffled:
        turn[item.label] = turn.get(item.label, -1) + 1
        order.append((turn[item.label], item.label))
    return [shuffled[k] for k in sorted(range(len(shuffled)), key=order.__getitem__)]


def _bgr(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn the model's RGB into OpenCV's order."""
    return image if image.shape[2] == 1 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)  # type: ignore[return-value]
