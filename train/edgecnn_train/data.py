"""Reads images into arrays, in disjoint splits: training, validation and test; and calibration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.bundle.input_spec import InputSpec
from edgecnn.dataset import data_name, find_data, foreign_files, left_out
from edgecnn.errors import DataError, ImageError, RecipeError
from edgecnn.image.preprocess import Preprocessor
from edgecnn.tflite.file import Tensor
from edgecnn_train.background import with_background
from edgecnn_train.cropping import cropped
from edgecnn_train.registry import TRUNKS
from edgecnn_train.splits import UNIT_RANGE, Dataset, LabeledImages, stratified

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edgecnn.dataset import Item, Source, SplitName
    from edgecnn_train.recipe import DataSpec, Recipe

# What `auto` chooses from: the sides that the classic family was tried with.
_SIDES = (28, 32, 48, 64, 96)
# At most this many unreadable images are listed.
NAMED = 5


@dataclass(frozen=True, slots=True)
class PreparedImages:
    """All images of a source as the model sees them.

    `skipped` has the reason for each unreadable one, and for files of kinds that are not read.
    """

    input: InputSpec
    whole: LabeledImages
    skipped: tuple[str, ...]


def find_recipe_data(spec: DataSpec, path: Path | None) -> tuple[Path, DataSpec]:
    """Return the path of a recipe's dataset, and its specification.

    Data at a path of another name are not the recipe's own, so they get neither its name nor its licence.
    Raises DataError, which says where to get them.
    """
    found = find_data(spec.name, path, spec.where)
    if path is None:
        return found, spec
    name = data_name(path)
    return found, spec if name == spec.name else replace(spec, name=name, licence="not stated")


def load_data(source: Source, recipe: Recipe, say: Callable[[str], None]) -> Dataset:
    """Read every image once and split them.

    Unreadable images are reported, skipped and counted. Raises DataError if the rest is not enough for
    training.
    """
    return divide(source, read_images(source, recipe, say), recipe)


def read_images(source: Source, recipe: Recipe, say: Callable[[str], None]) -> PreparedImages:
    """Read every image once, at the recipe's size. Raises DataError where a class has too few."""
    for note in left_out(source):
        say(note)
    spec = choose_input(source, recipe, say)
    view = Preprocessor(spec, input_tensor(spec))
    pixels, items, skipped, sides = [], [], [], []
    for item in source.items:
        try:
            image = source.read(item)
            pixels.append(view.pixels(image).copy())
            items.append(item)
            sides.append(image.shape[:2])
        except (ImageError, DataError) as error:
            skipped.append(str(error))
            if len(skipped) <= NAMED:
                say(f"skipped: {error}")
    if skipped:
        say(f"skipped {len(skipped):,} of {len(source.items):,} images")
    skipped += [
        f"{name} is no image that is read: {kind}" for kind, n in foreign_files(source).items() for name in n
    ]
    _check_counts(source, items)
    heights, widths = np.array(sides, np.int64).T
    if crop := cropped(heights, widths, recipe.input):
        say(f"{crop}. {crop.advice}")
    images = np.stack(pixels)
    if images.ndim == 3:
        images = images[..., None]
    whole = LabeledImages(images, np.array([i.label for i in items], np.int64), tuple(items))
    return PreparedImages(spec, whole, tuple(skipped))


def divide(source: Source, images: PreparedImages, recipe: Recipe) -> Dataset:
    """Split images by their official splits and by the recipe. Raises DataError where that can't be done."""
    rng = np.random.default_rng([recipe.train.seed, 100])
    source, parts = with_background(source, _split(images.whole, source.labels, recipe, rng), recipe)
    # Ranges reveal something about the images that set them: these must not be protected ones.
    pool = parts["validation" if recipe.private.enabled else "train"]
    chosen = stratified(pool.labels, min(recipe.quantize.calibration, len(pool)), rng)
    return Dataset(
        source,
        images.input,
        parts["train"],
        parts["validation"],
        parts["test"],
        pool.take(np.sort(chosen)),
        images.skipped,
    )


def everything(source: Source, images: PreparedImages, recipe: Recipe) -> Dataset:
    """Return all images as the training split, with empty ones for validation and test.

    A fifth of them does not set the int8 ranges, so that there are images to compare the layers on.
    """
    none = images.whole.take(np.array([], np.int64))
    source, parts = with_background(source, {"train": images.whole}, recipe)
    train = parts["train"]
    rng = np.random.default_rng([recipe.train.seed, 103])
    count = min(recipe.quantize.calibration, round(0.8 * len(train)))
    chosen = train.take(np.sort(stratified(train.labels, count, rng)))
    return Dataset(source, images.input, train, none, none, chosen, images.skipped)


def choose_input(source: Source, recipe: Recipe, say: Callable[[str], None]) -> InputSpec:
    """Fill in what the recipe leaves to the images: the size from the median side, gray if all are gray.

    A trunk has a size and a range of its own, and takes colors. The source gets the recipe's background.
    Raises RecipeError for a trunk and gray images.
    """
    wanted, trunk = recipe.input, TRUNKS[recipe.model.trunk]
    if trunk:
        if wanted.color == "gray":
            raise RecipeError(f"input.color is 'gray', expected 'rgb' with the trunk {recipe.model.trunk}")
        side = trunk.side
        wanted = replace(wanted, width=wanted.width or side, height=wanted.height or side, color="rgb")
    source.background = wanted.background
    width, height, color = wanted.width, wanted.height, wanted.color
    if not (width and height) or color == "auto":
        sides, colored = _look(source)
        if not (width and height):
            median = int(np.median(sides))
            width = height = max((s for s in _SIDES if s <= median), default=_SIDES[0])
            say(f"input size {width}×{height}: the images' shorter side is {median} pixels in the median")
        if color == "auto":
            color = "rgb" if colored else "gray"
            say(f"input color {color}: {'some' if colored else 'no'} images have color")
    return InputSpec(
        width,
        height,
        color,
        wanted.fit,
        wanted.resize,
        trunk.value_range if trunk else UNIT_RANGE,
        background=wanted.background,
    )


def has_color(image: NDArray[np.uint8]) -> bool:
    """Whether an image, uint8 H×W or H×W×3, is noticeably colored."""
    if image.ndim == 2:
        return False
    spread = np.ptp(image[::4, ::4].astype(np.int16), axis=2)
    # JPEG's chroma rounding leaves a few levels between the channels of a gray image.
    return bool(np.mean(spread) > 4)


def input_tensor(spec: InputSpec) -> Tensor:
    """Return the float input tensor that a model for this input has."""
    channels = 1 if spec.color == "gray" else 3
    return Tensor("image", (1, spec.height, spec.width, channels), "float32", 0.0, 0, 0)


def _look(source: Source, count: int = 200) -> tuple[list[int], bool]:
    """Look at some images: their shorter sides, and whether any has color."""
    step = max(1, len(source.items) // count)
    sides, colored = [], False
    for item in source.items[::step]:
        try:
            image = source.read(item)
        except (ImageError, DataError):
            continue
        sides.append(min(image.shape[:2]))
        colored = colored or has_color(image)
    if not sides:
        raise DataError("none of the images can be read")
    return sides, colored


def _check_counts(source: Source, items: Sequence[Item]) -> None:
    counts = np.bincount([i.label for i in items], minlength=len(source.labels))
    for label, count in zip(source.labels, counts, strict=True):
        if count < 3:
            raise DataError(
                f"the class {label!r} has {count} readable images, expected at least 3 "
                "(one each for training, validation and test): add some"
            )


def _classes(labels: Sequence[str]) -> str:
    named = ", ".join(map(repr, labels[:NAMED])) + (" …" if len(labels) > NAMED else "")
    return f"the class {named}" if len(labels) == 1 else f"the classes {named}"


def _split(
    whole: LabeledImages, labels: Sequence[str], recipe: Recipe, rng: np.random.Generator
) -> dict[SplitName, LabeledImages]:
    """Take the official splits, and draw those that are missing."""
    official = np.array([i.split or "train" for i in whole.items])
    if recipe.data.redraw_validation:
        official[official == "validation"] = "train"
    parts: dict[SplitName, NDArray[np.int64]] = {
        name: np.flatnonzero(official == name) for name in ("train", "validation", "test")
    }
    available = len(parts["train"])
    wanted: tuple[tuple[SplitName, float], ...] = (
        ("test", recipe.data.test),
        ("validation", recipe.data.validation),
    )
    for name, share in wanted:
        if len(parts[name]) == 0:
            pool = parts["train"]
            classes = len(np.unique(whole.labels[pool]))
            drawn = _draw(whole, pool, max(classes, round(share * available)), rng)
            parts[name] = np.sort(pool[drawn])
            parts["train"] = np.delete(pool, drawn)
    _check_groups(whole, parts)
    splits = {name: whole.take(indices) for name, indices in parts.items()}
    for name, split in splits.items():
        missing = [labels[k] for k in sorted(set(whole.labels.tolist()) - set(split.labels.tolist()))]
        if missing and (name == "train" or any(item.group for item in whole.items)):
            raise DataError(
                f"no {name} image is left for {_classes(missing)}: add images"
                + (", or more and smaller groups" if name != "train" else "")
            )
    return splits


def _draw(
    whole: LabeledImages, pool: NDArray[np.int64], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw about `count` places of the pool, stratified by class, and whole groups only."""
    labels = whole.labels[pool]
    groups = [whole.items[i].group for i in pool]
    if not any(groups):
        return stratified(labels, count, rng)
    names = np.array([f"group {g}" if g else f"image {i}" for i, g in zip(pool, groups, strict=True)])
    wanted = np.bincount(labels) * (count / len(labels))
    have = np.zeros(len(wanted))
    drawn: list[NDArray[np.int64]] = []
    for name in rng.permutation(np.unique(names)):
        members = np.flatnonzero(names == name)
        counts = np.bincount(labels[members], minlength=len(wanted))
        # A group is taken where it brings the classes nearer to their shares, or brings the first of one.
        nearer = np.abs(have + counts - wanted).sum() < np.abs(have - wanted).sum()
        if nearer or np.any((counts > 0) & (have == 0)):
            have += counts
            drawn.append(members)
    return np.concatenate(drawn) if drawn else np.array([], np.int64)


def _check_groups(whole: LabeledImages, parts: dict[SplitName, NDArray[np.int64]]) -> None:
    """Refuse official splits that separate a group: similar images make a test too optimistic."""
    home: dict[str, SplitName] = {}
    for name, indices in parts.items():
        for group in {whole.items[i].group for i in indices} - {None}:
            if home.setdefault(str(group), name) != name:
                raise DataError(
                    f"the group {group!r} is in the {home[str(group)]} and the {name} split: "
                    "give all its images the same split"
                )
