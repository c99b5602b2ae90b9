"""Evaluates models on labelled images, clean and corrupted, without a training library.

Every image is read as `classify` reads it, prepared once, and corrupted once for all variants of a model.
"""

from __future__ import annotations

import contextlib
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.bundle.bundle import find, read_bundle
from edgecnn.classify.batch import in_order
from edgecnn.classify.classifier import Classifier
from edgecnn.classify.loader import load
from edgecnn.dataset import data_name, foreign_files, locate, open_source
from edgecnn.errors import DataError, ImageError, LabelsError, ModelError, OptionError
from edgecnn.evaluation.corruption import NAMES, STRENGTHS, digest
from edgecnn.evaluation.corruption.views import Corrupter, View
from edgecnn.evaluation.measuring import Measuring
from edgecnn.evaluation.result import Evaluation, score
from edgecnn.io.unicode_form import plain_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from edgecnn.bundle.bundle import Bundle
    from edgecnn.dataset import Item, LayoutName, Source

# The number of images kept as second objects, spread over all classes.
SECOND_OBJECTS = 64
# The most labels that an error lists.
_NAMED = 5


def evaluate(
    model: str | os.PathLike[str] | Classifier,
    data: str | os.PathLike[str],
    *,
    split: str | None = None,
    limit: int | None = None,
    layout: LayoutName = "auto",
    corruptions: Sequence[str] = (),
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
    **options: Any,
) -> Evaluation:
    """Measure a model on labelled images, as `edgecnn evaluate` does.

    Parameters
    ----------
    model
        A bundle's name or folder, whose int8 and float32 are measured; a `.tflite` file; or an open
        classifier, which is measured alone and stays open.
    data
        A folder, zip, CSV or IDX folder, or a name in $EDGECNN_DATA.
    split
        `train`, `validation`, `test` or `all`; None for the official test images, or all where there are
        none.
    limit
        At most this many images, stratified by class.
    layout
        The layout of the folders: `splits` with classes inside, `classes`, or `auto`.
    corruptions, seed, progress
        See `evaluate_variants`.
    options
        Other options of `edgecnn.load`, such as `labels` for a bare file.

    Raises
    ------
    ModelError, LabelsError, DataError, OptionError
        With a message in one line.
    """
    path = locate(os.fspath(data))
    source = open_source(path, layout)
    name = data_name(path)
    items = choose(select(source.items, split, name), limit)
    with ExitStack() as stack:
        if isinstance(model, Classifier):
            classifiers = {model.model.variant: model}
        else:
            opened = [stack.enter_context(load(model, v, **options)) for v in evaluated(model)]
            classifiers = {c.model.variant: c for c in opened}
        return evaluate_variants(
            classifiers, source, items, data=name, corruptions=corruptions, seed=seed, progress=progress
        )


def evaluated(model: str | os.PathLike[str]) -> list[str | None]:
    """Return the variants to measure: a bundle's int8 and float32 where it has them, else all of them.

    Variants compiled for the Edge TPU are left out; a bare file gives None.
    """
    path = find(model)
    if not path.is_dir():
        return [None]
    bundle = read_bundle(path)
    there = bundle.portable or tuple(bundle.variants)
    return [v for v in ("int8", "float32") if v in there] or list(there)


def evaluate_variants(
    classifiers: Mapping[str, Classifier],
    source: Source,
    items: Sequence[Item],
    *,
    data: str = "",
    corruptions: Sequence[str] = (),
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
    workers: int = 1,
) -> Evaluation:
    """Run all variants of one model over labelled images.

    Parameters
    ----------
    classifiers
        The open variants by name; all have the same labels and see the same pixels.
    source, items
        The data, and which of its items to read.
    data
        The data's name in the result.
    corruptions
        Names from `edgecnn.evaluation.corruption.NAMES`; empty for clean images only.
    seed
        Random seed. With an item's id, the corruption's name and its strength it determines every pixel.
    progress
        Called after each image with the number of finished images.
    workers
        How many processes divide the images, this one and forked copies of it; see
        `edgecnn.classify.batch.count_workers`. The result is the same for any number.

    Raises
    ------
    LabelsError
        Where the data have a class that the model does not have.
    ModelError
        Where the variants do not see the same pixels.
    AnswerError
        Where one of them returns NaN or infinity.
    DataError
        Where no image can be read.
    OptionError
        For an unknown corruption.
    """
    if unknown := [name for name in corruptions if name not in NAMES]:
        raise OptionError(f"no corruption {unknown[0]!r}: choose from {', '.join(NAMES)}")
    first = _common(classifiers)
    classes = match_labels(source.labels, first.labels, first.model.name, data)
    source.background = first.model.input.background
    view = View(first.model.input, first.model.file.inputs[0])
    others = _second_objects(source, seed) if "second_object" in corruptions else []
    corrupter = Corrupter(corruptions, view, seed, others)
    measure = Measuring(list(classifiers.values()), source, classes, view, corrupter)
    truths: list[int] = []
    named: list[list[int]] = []
    right = {name: np.zeros((len(STRENGTHS), len(classifiers)), np.int64) for name in corruptions}
    skipped = []
    with contextlib.closing(in_order(measure, items, workers)) as measured:
        for done, found in enumerate(measured, 1):
            if isinstance(found, str):
                skipped.append(found)
            else:
                truths.append(found.truth)
                named.append(found.answers)
                for name, strength, hits in found.corrupted:
                    right[name][strength - 1] += hits
            if progress:
                progress(done)
    if not truths:
        reason = f": {skipped[0]}" if skipped else ""
        raise DataError(f"no image of {data or 'the data'} can be read{reason}")
    answers = np.array(named).T
    return Evaluation(
        model=first.model.name,
        data=data,
        pictures=len(truths),
        skipped=tuple(skipped),
        labels=first.labels,
        variants={
            name: score(np.array(truths), answers[k], first.labels) for k, name in enumerate(classifiers)
        },
        agreement=float(np.mean((answers == answers[0]).all(axis=0))) if len(answers) > 1 else None,
        corrupted={
            name: {v: tuple((hits[:, k] / len(truths)).tolist()) for k, v in enumerate(classifiers)}
            for name, hits in right.items()
        },
        named=dict(zip(classifiers, answers, strict=True)),
        left_out=sum(map(len, foreign_files(source).values())),
    )


def choose(items: Sequence[Item], limit: int | None, seed: int = 0) -> list[Item]:
    """Return `limit` items, stratified by class, in their order; all items for None.

    A smaller limit gives a subset of a larger one's items. The choice depends on the seed and the ids, not on
    the order.
    """
    if limit is None or limit >= len(items):
        return list(items)
    by_class: dict[int, list[Item]] = {}
    for item in sorted(items, key=lambda i: digest(seed, i.id)):
        by_class.setdefault(item.label, []).append(item)
    # The k-th of n has the rank (k + ½)/n in its class: taking the lowest ranks takes equal shares.
    places = [
        ((k + 0.5) / len(members), label, item.id)
        for label, members in by_class.items()
        for k, item in enumerate(members)
    ]
    chosen = {item_id for _, _, item_id in sorted(places)[:limit]}
    return [item for item in items if item.id in chosen]


def select(items: Sequence[Item], split: str | None, data: str = "") -> list[Item]:
    """Return the items of a split or of `all`; for None, of the official test split, else all items.

    Raises DataError where the data do not have the split.
    """
    official = {item.split for item in items if item.split}
    if split is None:
        split = "test" if "test" in official else "all"
    chosen = [item for item in items if split in ("all", item.split)]
    if not chosen:
        there = f"it has {', '.join(sorted(official))}" if official else "it has no official splits"
        raise DataError(f"{data or 'the data'} has no {split} split: {there}; take --split all")
    return chosen


def seen_in_training(bundle: Bundle, data: str, items: Sequence[Item]) -> str | None:
    """Return a note where the bundle was trained on some of these images, by its manifest; else None."""
    facts = bundle.facts
    if not facts.trained or not facts.data or plain_name(facts.data) != plain_name(data):
        return None
    if all(item.split == "test" for item in items):
        return None
    if any(item.split for item in items):
        return f"note: {bundle.name} was trained on {data}: not only test images, so the results are too good"
    if facts.by_folds:
        return (
            f"note: {bundle.name} was trained on all of {data}, so the results here are too good: those on "
            "its card are from folds: networks of the same recipe, tested on images that they had not seen"
        )
    return (
        f"note: {data} has no official test split, and {bundle.name} was trained on most of it (its own test "
        f"split was drawn with seed {facts.seed}): the results are too good"
    )


def match_labels(
    data_labels: Sequence[str], model_labels: Sequence[str], model: str, data: str = ""
) -> list[int]:
    """Return the model's index for each class of the data, matched by normalized name.

    The data may lack classes of the model. Raises LabelsError where the model lacks a class of the data.
    """
    index = {plain_name(label): i for i, label in reversed(list(enumerate(model_labels)))}
    wanted = [plain_name(label) for label in data_labels]
    missing = [label for label in wanted if label not in index]
    if missing:
        unused = [label for label in model_labels if plain_name(label) not in set(wanted)]
        raise LabelsError(
            f"the labels do not fit: {data or 'the data'} has {_some(missing)}, which {model} does not know; "
            f"{model} has {_some(unused)}{' in addition' if len(missing) < len(data_labels) else ''}: "
            "rename the classes of the data, or give the labels with --labels"
        )
    return [index[label] for label in wanted]


def _second_objects(source: Source, seed: int) -> list[tuple[int, NDArray[np.uint8]]]:
    """Read some images of each class, as second objects of scenes."""
    found = []
    for item in choose(source.items, SECOND_OBJECTS, seed):
        with contextlib.suppress(ImageError, DataError):
            found.append((item.label, source.read(item)))
    return found


def _common(classifiers: Mapping[str, Classifier]) -> Classifier:
    """Return the first classifier. Raises ModelError where another one's input or labels differ."""
    first, *rest = classifiers.values()
    spec = first.model.input
    ranges: Any = {"value_range": spec.value_range, "channel_ranges": spec.channel_ranges}
    for other in rest:
        # How pixels are quantized may differ between variants; which pixels they see may not.
        if other.model.input._replace(**ranges) != spec or other.labels != first.labels:
            names = f"{first.model.name} {first.model.variant} and {other.model.name} {other.model.variant}"
            raise ModelError(f"{names} differ in their input or labels: evaluate them separately")
    return first


def _some(labels: Sequence[str]) -> str:
    named = ", ".join(map(repr, labels[:_NAMED]))
    return f"{named} and {len(labels) - _NAMED} more" if len(labels) > _NAMED else named or "no others"
