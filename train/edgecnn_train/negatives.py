"""Pictures of nothing that the model knows, made here or the user's own; and the background class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.dataset import Item, locate, open_source
from edgecnn.errors import DataError, ImageError
from edgecnn.image_file import list_images, read_image
from edgecnn.preprocess import Preprocessor
from edgecnn.tflite_file import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from edgecnn.convention import Background
    from edgecnn.dataset import Source, SplitName
    from edgecnn_train.data import DataSet, Split
    from edgecnn_train.recipe import Recipe

    Picture = NDArray[np.uint8]

COUNT = 1000  # as many choose a threshold, and as many more measure it
FEWEST = 40
GENERATED = "generated"
BACKGROUND = "background"
# A folder of pictures by one of these names can be the background class.
_NAMES = (BACKGROUND, "unknown")


@dataclass(frozen=True, slots=True)
class Negatives:
    """Two sets of pictures, uint8 N×H×W×C as the model sees them: one chooses the threshold, one measures it.

    `what` says what they show.
    """

    choosing: NDArray[np.uint8]
    measuring: NDArray[np.uint8]
    what: str


class GeneratedSource:
    """A source with one class more, whose pictures were made and are kept in memory."""

    background: Background = "white"  # what is read has the source's own

    def __init__(self, source: Source, items: Sequence[Item], pictures: Iterable[Picture]) -> None:
        self.labels = (*source.labels, BACKGROUND)
        self.items = [*source.items, *items]
        self._source = source
        self._pictures = dict(zip((i.id for i in items), pictures, strict=True))

    def read(self, item: Item, least: int | None = None) -> Picture:
        """Read one picture; those that were made have the model's size."""
        made = self._pictures.get(item.id)
        return self._source.read(item, least) if made is None else made


def load_negatives(data: DataSet, recipe: Recipe, count: int = COUNT) -> Negatives:
    """Make the recipe's negatives, or read them: at most `count` to choose by, and as many to measure by.

    Raises
    ------
    DataError
        For a folder or data set that is not there, or has fewer than 40 pictures that can be read.
    """
    seed, wanted = recipe.train.seed, recipe.unknown.negatives
    if wanted == GENERATED:
        background = background_of(recipe, data.labels)
        # The threshold tells of the pictures that it was chosen on: not of those that are protected.
        split = data.validation if recipe.private.enabled else data.train
        parents = split.images[split.labels != (-1 if background is None else background)]
        halves = [generate(count, parents, np.random.default_rng([seed, 300 + k])) for k in (0, 1)]
        what = ", ".join(KINDS)
        what = what.replace("training", "validation") if recipe.private.enabled else what
        return Negatives(halves[0], halves[1], f"generated: {what}")
    readers = _readers(wanted, data.input.background)
    shape = data.train.images.shape[1:]
    view = Preprocessor(data.input, Tensor("image", (1, *shape), "float32", 0.0, 0, 0))
    pictures: list[Picture] = []
    for k in np.random.default_rng([seed, 300]).permutation(len(readers)):
        try:
            pictures.append(view.pixels(readers[k]()).copy())
        except (ImageError, DataError):
            continue
        if len(pictures) == 2 * count:
            break
    if len(pictures) < FEWEST:
        raise DataError(
            f"unknown.negatives: {wanted} has {len(pictures)} readable pictures, expected at least {FEWEST}: "
            f"add some, or set it to {GENERATED}"
        )
    images = np.stack(pictures).reshape(len(pictures), *shape)
    return Negatives(images[::2], images[1::2], f"{len(images):,} pictures from {Path(wanted).name}")


def background_of(recipe: Recipe, labels: Sequence[str]) -> int | None:
    """Return the index of the class that stands for everything else, where the recipe asks for one."""
    named = (i for i, label in enumerate(labels) if label.casefold() in _NAMES)
    return next(named, None) if recipe.unknown.background_class else None


def with_background(
    source: Source, parts: dict[SplitName, Split], recipe: Recipe
) -> tuple[Source, dict[SplitName, Split]]:
    """Add the background class that the recipe asks for, unless the data have one of that name.

    Each split gets as many made pictures as its classes have in the mean, made from that split's own.
    """
    if not recipe.unknown.background_class or background_of(recipe, source.labels) is not None:
        return source, parts
    label = len(source.labels)
    grown, items = dict(parts), list[Item]()
    pictures: list[Picture] = []
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
        # Sources give BGR; what the model sees is RGB, or grey.
        pictures += list(np.ascontiguousarray(images[..., ::-1]))
    return GeneratedSource(source, items, pictures), grown


def generated_count(split: Split, background: int | None) -> int:
    """Return how many of a split's pictures, all of the background class, were made."""
    return sum(i.label == background and i.id.startswith(f"{GENERATED}/") for i in split.items)


def generate(count: int, parents: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Make pictures of every kind in turn, uint8 count×H×W×C.

    Parameters
    ----------
    parents
        Pictures of things that the model knows, uint8 N×H×W×C: some kinds are made by destroying one.
    """
    made = np.empty((count, *parents.shape[1:]), np.uint8)
    makers = list(KINDS.values())
    for i in range(count):
        parent = parents[rng.integers(len(parents))]
        picture = makers[i % len(makers)](parent, rng)
        made[i] = np.clip(np.rint(picture), 0, 255).reshape(parent.shape)
    return made


def _plain(parent: Picture, rng: np.random.Generator) -> NDArray[np.float64]:
    grain = rng.uniform(0, 6) * rng.standard_normal(parent.shape)
    return np.asarray(rng.uniform(0, 255, parent.shape[2]) + grain)


def _gradient(parent: Picture, rng: np.random.Generator) -> NDArray[np.float64]:
    height, width, channels = parent.shape
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    share = (0.5 + (np.cos(angle) * x + np.sin(angle) * y) / np.sqrt(2))[..., None]
    ends = rng.uniform(0, 255, (2, channels))
    return np.asarray(ends[0] * share + ends[1] * (1 - share))


def _noise(parent: Picture, rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(
        rng.uniform(0, 255, parent.shape[2]) + rng.uniform(10, 90) * rng.standard_normal(parent.shape)
    )


def _texture(parent: Picture, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise of two scales, smooth between its points."""
    height, width, channels = parent.shape
    picture = np.zeros(parent.shape)
    for cells in rng.integers(2, max(3, min(height, width) // 2), 2):
        coarse = rng.uniform(0, 255, (cells, cells, channels))
        fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        picture += fine.reshape(parent.shape) / 2
    return picture


def _shapes(parent: Picture, rng: np.random.Generator) -> NDArray[np.float64]:
    """Lines, boxes and ellipses, filled or not, on a plain ground."""
    height, width, channels = parent.shape
    picture = np.empty(parent.shape, np.uint8)
    picture[:] = rng.integers(0, 256, channels)
    for _ in range(rng.integers(1, 7)):
        color: tuple[int, ...] = tuple(int(rng.integers(256)) for _ in range(channels))
        a, b = (tuple(rng.integers(0, (width, height)).tolist()) for _ in (0, 1))
        thick = int(rng.integers(1, max(2, min(height, width) // 8)))
        match rng.integers(3):
            case 0:
                cv2.line(picture, a, b, color, thick, cv2.LINE_AA)
            case 1:
                cv2.rectangle(picture, a, b, color, -1 if rng.random() < 0.5 else thick)
            case _:
                axes = tuple(rng.integers(1, (max(2, width // 2), max(2, height // 2))).tolist())
                turn = float(rng.uniform(0, 180))
                cv2.ellipse(picture, a, axes, turn, 0, 360, color, -1 if rng.random() < 0.5 else thick)
    return picture.astype(np.float64)


def _shuffled(parent: Picture, rng: np.random.Generator) -> NDArray[np.float64]:
    """Cut a picture into n×n blocks that change places."""
    height, width, channels = parent.shape
    n = int(rng.integers(3, 6))
    h, w = height // n, width // n
    blocks = parent[: h * n, : w * n].reshape(n, h, n, w, channels).swapaxes(1, 2)
    mixed = rng.permutation(blocks.reshape(n * n, h, w, channels)).reshape(n, n, h, w, channels)
    whole = mixed.swapaxes(1, 2).reshape(h * n, w * n, channels)
    return _stretched(whole, parent)


def _patch(parent: Picture, rng: np.random.Generator) -> NDArray[np.float64]:
    """Enlarge a small part of a picture so much that it shows nothing."""
    height, width = parent.shape[:2]
    h, w = max(2, height // 7), max(2, width // 7)
    top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    return _stretched(parent[top : top + h, left : left + w], parent)


def _blurred(parent: Picture, rng: np.random.Generator) -> NDArray[np.float64]:
    sigma = min(parent.shape[:2]) * rng.uniform(0.2, 0.4)
    return np.asarray(cv2.GaussianBlur(parent, (0, 0), sigma), np.float64)


def _stretched(part: Picture, parent: Picture) -> NDArray[np.float64]:
    height, width = parent.shape[:2]
    large = cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float64)


KINDS: dict[str, Callable[[Picture, np.random.Generator], NDArray[np.float64]]] = {
    "plain": _plain,
    "gradients": _gradient,
    "noise": _noise,
    "textures": _texture,
    "shapes": _shapes,
    "training pictures with their blocks shuffled": _shuffled,
    "patches of training pictures": _patch,
    "training pictures blurred beyond recognition": _blurred,
}


def _readers(wanted: str, background: Background) -> list[Callable[[], Picture]]:
    """Return what reads each negative: of a folder, whatever lies in it, or of a data set, its test split."""
    try:
        path = locate(wanted)
    except DataError as error:
        raise DataError(
            f"unknown.negatives is {wanted!r}, which is neither a folder or file here nor a data set in "
            f"$EDGECNN_DATA: name one, or say {GENERATED!r}"
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
