"""Negatives: images of nothing that a model knows, generated or the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.dataset import locate, open_source
from edgecnn.errors import DataError, ImageError
from edgecnn.image.file import list_images, read_image
from edgecnn.image.preprocess import Preprocessor
from edgecnn.tflite.file import Tensor
from edgecnn_train.background import GENERATED, background_of
from edgecnn_train.generated import KINDS, generate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Background
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.splits import Dataset

    Image = NDArray[np.uint8]

COUNT = 1000  # as many choose a threshold, and as many more measure it
FEWEST = 40


@dataclass(frozen=True, slots=True)
class Negatives:
    """Two sets of images, uint8 N×H×W×C as the model sees them: one chooses the threshold, one measures it.

    `what` describes them.
    """

    choosing: NDArray[np.uint8]
    measuring: NDArray[np.uint8]
    what: str


def load_negatives(data: Dataset, recipe: Recipe, count: int = COUNT) -> Negatives:
    """Make the recipe's negatives, or read them: at most `count` to choose by, and as many to measure by.

    Raises
    ------
    DataError
        For a folder or dataset that is missing, or has fewer than 40 readable images.
    """
    seed, wanted = recipe.train.seed, recipe.unknown.negatives
    if wanted == GENERATED:
        background = background_of(recipe, data.labels)
        # The threshold reveals something about the images that chose it: these must not be protected ones.
        split = data.validation if recipe.private.enabled else data.train
        parents = split.images[split.labels != (-1 if background is None else background)]
        halves = [generate(count, parents, np.random.default_rng([seed, 300 + k])) for k in (0, 1)]
        what = ", ".join(KINDS)
        what = what.replace("training", "validation") if recipe.private.enabled else what
        return Negatives(halves[0], halves[1], f"generated: {what}")
    readers = _readers(wanted, data.input.background)
    shape = data.train.images.shape[1:]
    view = Preprocessor(data.input, Tensor("image", (1, *shape), "float32", 0.0, 0, 0))
    read: list[Image] = []
    for k in np.random.default_rng([seed, 300]).permutation(len(readers)):
        try:
            read.append(view.pixels(readers[k]()).copy())
        except (ImageError, DataError):
            continue
        if len(read) == 2 * count:
            break
    if len(read) < FEWEST:
        raise DataError(
            f"unknown.negatives: {wanted} has {len(read)} readable images, expected at least {FEWEST}: "
            f"add some, or set it to {GENERATED}"
        )
    images = np.stack(read).reshape(len(read), *shape)
    return Negatives(images[::2], images[1::2], f"{len(images):,} images from {Path(wanted).name}")


def _readers(wanted: str, background: Background) -> list[Callable[[], Image]]:
    """Return a reader for each negative: all images of a folder, or the test split of a dataset."""
    try:
        path = locate(wanted)
    except DataError as error:
        raise DataError(
            f"unknown.negatives is {wanted!r}, which is neither a folder or file here nor a dataset in "
            f"$EDGECNN_DATA: name one, or use {GENERATED!r}"
        ) from error
    try:
        source = open_source(path)
    except DataError:
        if not path.is_dir():
            raise
        try:
            return [partial(read_image, file, background=background) for file in list_images(path)]
        except ImageError as error:
            raise DataError(f"unknown.negatives: {error}") from error
    source.background = background
    items = [i for i in source.items if i.split == "test"] or source.items
    return [partial(source.read, item) for item in items]
