"""The background class: images of everything else, generated or the user's own."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.dataset import Item
from edgecnn_train.generated import KINDS, generate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Background
    from edgecnn.dataset import Source, SplitName
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.splits import LabeledImages

    Image = NDArray[np.uint8]

GENERATED = "generated"
BACKGROUND = "background"
# A folder of images by one of these names can be the background class.
_NAMES = (BACKGROUND, "unknown")


class GeneratedSource:
    """A source with one more class, whose images are generated and kept in memory."""

    background: Background = "white"  # what is read has the source's own

    def __init__(self, source: Source, items: Sequence[Item], images: Iterable[Image]) -> None:
        self.labels = (*source.labels, BACKGROUND)
        self.items = [*source.items, *items]
        self._source = source
        self._images = dict(zip((i.id for i in items), images, strict=True))

    def read(self, item: Item, least: int | None = None) -> Image:
        """Read one image; generated ones have the model's size."""
        made = self._images.get(item.id)
        return self._source.read(item, least) if made is None else made

    def digest(self, item: Item) -> bytes:
        """Return the SHA-256 of an image as it is stored; of generated ones, that of the pixels."""
        made = self._images.get(item.id)
        return self._source.digest(item) if made is None else hashlib.sha256(made.tobytes()).digest()


def background_of(recipe: Recipe, labels: Sequence[str]) -> int | None:
    """Return the index of the class that stands for everything else, where the recipe asks for one."""
    named = (i for i, label in enumerate(labels) if label.casefold() in _NAMES)
    return next(named, None) if recipe.unknown.background_class else None


def with_background(
    source: Source, parts: dict[SplitName, LabeledImages], recipe: Recipe
) -> tuple[Source, dict[SplitName, LabeledImages]]:
    """Add the background class that the recipe asks for, unless the data have one of that name.

    Each split gets as many generated images as its classes have on average, made from its own images.
    """
    if not recipe.unknown.background_class or background_of(recipe, source.labels) is not None:
        return source, parts
    label = len(source.labels)
    grown, items = dict(parts), list[Item]()
    made_images: list[Image] = []
    for k, (name, split) in enumerate(parts.items()):
        count = max(len(KINDS), round(len(split) / label))
        images = generate(count, split.images, np.random.default_rng([recipe.train.seed, 200 + k]))
        made = tuple(Item(f"{GENERATED}/{name}/{i}", label, name) for i in range(count))
        grown[name] = replace(
            split,
            images=np.concatenate([split.images, images]),
            labels=np.concatenate([split.labels, np.full(count, label, np.int64)]),
            items=split.items + made,
        )
        items += made
        # Sources give BGR; the model sees RGB, or gray.
        made_images += list(np.ascontiguousarray(images[..., ::-1]))
    return GeneratedSource(source, items, made_images), grown


def generated_count(split: LabeledImages, background: int | None) -> int:
    """Return how many of a split's images, all of the background class, were generated."""
    return sum(i.label == background and i.id.startswith(f"{GENERATED}/") for i in split.items)
