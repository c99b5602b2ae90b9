"""What can be wrong with a dataset, with advice: one function for each kind of finding."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from edgecnn.image.names import cures
from edgecnn_train.cropping import MUCH, cropped
from edgecnn_train.splits import SMALL_CLASS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edgecnn.dataset.duplicates import Duplicates
    from edgecnn_train.inspection.label_noise import LabelVotes
    from edgecnn_train.inspection.survey import Survey
    from edgecnn_train.recipe import DataSpec, RecipeInput

Level = Literal["error", "warning", "note"]
FEWEST_TO_TRAIN = 3
FEW = 20
IMBALANCED = 3.0


@dataclass(frozen=True, slots=True)
class DatasetFinding:
    """One thing that was found.

    `kind` names it for programs, `what` says it, `examples` name images or classes, `todo` is what to do
    next. `images` are places in the survey; images that belong together share a tuple.
    """

    kind: str
    level: Level
    what: str
    todo: str
    examples: tuple[str, ...] = ()
    images: tuple[tuple[int, ...], ...] = ()


def unusable_classes(seen: Survey) -> Iterator[DatasetFinding]:
    """Classes that training would refuse."""
    counts = np.bincount(seen.classes, minlength=len(seen.labels))
    if few := [f"{label}: {n}" for label, n in zip(seen.labels, counts, strict=True) if n < FEWEST_TO_TRAIN]:
        yield DatasetFinding(
            "unusable-class", "error",
            f"{_many(len(few), 'class')} with fewer than {FEWEST_TO_TRAIN} readable images",
            "Add images or remove the class: training needs one each for training, validation and test.",
            tuple(few),
        )  # fmt: skip


def leaks(seen: Survey, same: Duplicates) -> Iterator[DatasetFinding]:
    """Images of an official split that are in the training split too, or test images in validation."""
    splits = seen.splits
    for split, other in (("test", "train"), ("validation", "train"), ("test", "validation")):
        here, there = splits == split, splits == other
        places = np.flatnonzero(here & same.touched(there))
        if not len(places):
            continue
        twins = [(int(p), *same.twin(int(p), there)) for p in places]
        twins.sort(key=lambda t: -t[2])
        exact = sum(likeness == 1.0 for *_, likeness in twins)
        yield DatasetFinding(
            "leak", "error",
            f"{len(places):,} of {here.sum():,} {split} images ({len(places) / here.sum():.2%}) have a "
            f"twin in the {other} split: {exact:,} pixel for pixel, {len(places) - exact:,} nearly the same",
            f"Accuracy on them is no evidence. --manifest FILE.csv leaves the {other} twins out.",
            tuple(f"{_name(seen, a)} {_like(x)} {_name(seen, b)}" for a, b, x in twins),
            tuple((a, b) for a, b, _ in twins),
        )  # fmt: skip


def conflicts(seen: Survey, same: Duplicates) -> Iterator[DatasetFinding]:
    """Images that are the same, or nearly, under two labels."""
    classes = seen.classes
    exact = [g for g in same.exact() if len(set(classes[g])) > 1]
    if exact:
        yield DatasetFinding(
            "conflict", "error",
            f"{_many(len(exact), 'image')} with more than one label, pixel for pixel",
            "Keep one copy of each, under the right label.",
            tuple(" = ".join(_name(seen, int(p)) for p in g) for g in exact),
            tuple(tuple(g.tolist()) for g in exact),
        )  # fmt: skip
    known = {tuple(g.tolist()) for g in exact}
    near = [g for g in same.groups() if len(set(classes[g])) > 1 and tuple(g.tolist()) not in known]
    if near:
        yield DatasetFinding(
            "near-conflict", "warning",
            f"{_many(len(near), 'group')} of near duplicates under more than one label",
            "Look at them: one of the labels is likely wrong.",
            tuple(" ~ ".join(_name(seen, int(p)) for p in g) for g in near),
            tuple(tuple(g.tolist()) for g in near),
        )  # fmt: skip


def unreadable(seen: Survey) -> Iterator[DatasetFinding]:
    """Damaged images, and files of a kind that is not read."""
    if seen.unreadable:
        yield DatasetFinding(
            "corrupt", "error",
            f"{_many(len(seen.unreadable), 'image')} can't be read",
            "Copy them again from where they came, or delete them; training leaves them out.",
            tuple(u.reason for u in seen.unreadable),
        )  # fmt: skip
    if seen.foreign:
        kinds = ", ".join(_many(len(names), kind) for kind, names in seen.foreign.items())
        yield DatasetFinding(
            "foreign", "warning",
            f"{_many(sum(map(len, seen.foreign.values())), 'file')} of a kind that is not read: {kinds}",
            f"They are left out, unless you {cures(seen.foreign)}.",
            tuple(name for names in seen.foreign.values() for name in names),
        )  # fmt: skip


def swapped_labels(seen: Survey, votes: LabelVotes | None) -> Iterator[DatasetFinding]:
    """Labels that the neighbours contradict."""
    if votes is None:
        return
    names = seen.labels
    if votes.swapped_classes:
        yield DatasetFinding(
            "swapped-class", "error",
            f"{_many(len(votes.swapped_classes), 'class')} of a split that looks like another of training",
            "Look whether two folders were swapped.",
            tuple(f"{split}/{names[a]} looks like train/{names[b]} ({share:.0%} of its images)"
                  for split, a, b, share in votes.swapped_classes),
        )  # fmt: skip
    if not votes.needed:
        yield DatasetFinding(
            "labels-not-judged", "note",
            "swapped labels can't be found: similar images here often have different labels",
            f"Nothing, or look through the classes. The most similar images vote for the "
            f"given label in {votes.accuracy:.0%} of all cases.",
        )  # fmt: skip
    if votes.suspects:
        yield DatasetFinding(
            "swapped-labels", "warning",
            f"{_many(len(votes.suspects), 'label')} to doubt: {votes.needed} or more of the "
            f"{votes.asked} most similar images carry one other label",
            "Look at each: some are only unusual. "
            f"About {votes.reach:.0%} of all swapped labels can be seen in this way.",
            tuple(f"{_name(seen, s.image)} looks like {names[s.looks_like]} ({s.votes} of {votes.asked})"
                  for s in votes.suspects),
            tuple((s.image,) for s in votes.suspects),
        )  # fmt: skip
    if votes.unclear_classes:
        yield DatasetFinding(
            "unclear-classes", "note",
            "the votes can't separate these classes from others, so their labels were not judged",
            "Nothing, or look through them; a trained model may well separate them.",
            tuple(names[c] for c in votes.unclear_classes),
        )  # fmt: skip


def class_names(seen: Survey) -> Iterator[DatasetFinding]:
    """Classes that seem to be one: `Cat`, `cats` and `cat (2)`."""
    alike: dict[str, list[str]] = defaultdict(list)
    for label in seen.labels:
        alike[_stem(label)].append(label)
    if found := [" / ".join(repr(x) for x in group) for group in alike.values() if len(group) > 1]:
        yield DatasetFinding(
            "class-names", "warning", "classes with almost the same name",
            "If they mean the same, put their images into one folder.", tuple(found),
        )  # fmt: skip


def _stem(label: str) -> str:
    text = unicodedata.normalize("NFKC", label).casefold()
    plain = re.sub(r"[\W_]+", "", re.sub(r"\(\d+\)|\b(copy|kopie)\b", "", text))
    return plain[:-1] if len(plain) > 3 and plain.endswith("s") else plain or text


def repeats(seen: Survey, same: Duplicates) -> Iterator[DatasetFinding]:
    """Duplicates that a split still to be drawn could tear apart."""
    groups = same.groups()
    free = seen.splits == ""
    if not free.any():  # the others are reported as leaks
        groups = [g for g in groups if len(set(seen.splits[g])) == 1]
    if not groups:
        return
    largest = max(map(len, groups))
    what = (
        f"{_many(sum(map(len, groups)), 'image')} in {_many(len(groups), 'group')} of exact or near "
        f"duplicates, {largest} in the largest"
    )
    torn = bool(free.any()) and not all(_grouped(seen, g) for g in groups)
    yield DatasetFinding(
        "duplicates",
        "warning" if torn else "note",
        what,
        "They must share a split, or the test is too optimistic: --manifest FILE.csv writes such groups."
        if torn
        else "They teach little that is new; nothing has to be done.",
        tuple(" ~ ".join(_name(seen, int(p)) for p in g[:4]) + (" …" if len(g) > 4 else "") for g in groups),
        tuple(tuple(g.tolist()) for g in groups),
    )


def _grouped(seen: Survey, places: NDArray[np.int64]) -> bool:
    groups = {seen.items[p].group for p in places}
    return len(groups) == 1 and None not in groups


def balance(seen: Survey, spec: DataSpec) -> Iterator[DatasetFinding]:
    """Classes of very different sizes, classes with few images, and test splits that are too small."""
    training = np.isin(seen.splits, ("train", ""))
    counts = np.bincount(seen.classes[training], minlength=len(seen.labels))
    order = np.argsort(counts, kind="stable")
    small, large = order[0], order[-1]
    ratio = counts[large] / max(counts[small], 1)
    if ratio >= IMBALANCED:
        yield DatasetFinding(
            "imbalance", "warning",
            f"out of balance: {ratio:.1f} times as many images to train on of {seen.labels[large]} "
            f"({counts[large]:,}) as of {seen.labels[small]} ({counts[small]:,})",
            'Train with --set train.class_weights=balanced, or add images of the small classes.',
        )  # fmt: skip
    if few := [f"{seen.labels[c]}: {counts[c]}" for c in order if counts[c] < FEW]:
        yield DatasetFinding(
            "few", "warning", f"{_many(len(few), 'class')} with fewer than {FEW} images to train on",
            "Add images, of other things, places and light; a hundred each is a good start.", tuple(few),
        )  # fmt: skip
    official = int((seen.splits == "test").sum())
    tested = official or max(len(seen.labels), round(spec.test * int(training.sum())))
    who = f"the test split {'has' if official else 'will have'}"
    if not official and spec.folds and counts.min() < SMALL_CLASS:
        who, tested = "cross-validation tests every image once, but there are only", int(training.sum())
    if tested < 100:
        yield DatasetFinding(
            "small-test", "note",
            f"{who} {tested} images: one of them is "
            f"{100 / tested:.1f} points of accuracy",
            "Add images, or ignore differences of a few images.",
        )  # fmt: skip


def shapes(seen: Survey) -> Iterator[DatasetFinding]:
    """Images of an odd size, and classes that size or color alone would give away."""
    sides, ratios = np.minimum(seen.heights, seen.widths), seen.widths / seen.heights
    typical, usual = float(np.median(sides)), float(np.median(ratios))
    odd = (sides > 4 * typical) | (sides < typical / 4) | (ratios > 2.5 * usual) | (ratios < usual / 2.5)
    places = np.flatnonzero(odd)
    if len(places):
        yield DatasetFinding(
            "odd-size", "note",
            f"{_many(len(places), 'image')} of an unusual size or shape",
            "Look whether what is to be seen is still large and in the middle.",
            tuple(f"{_name(seen, int(p))}: {seen.widths[p]}×{seen.heights[p]}" for p in places),
            tuple((int(p),) for p in places),
        )  # fmt: skip
    classes = seen.classes
    present = np.unique(classes)
    medians = np.array([np.median(sides[classes == c]) for c in present])
    colored = np.array([seen.colored[classes == c].mean() for c in present])
    shortcut = []
    if medians.max() >= 2 * medians.min():
        shortcut.append(_contrast(seen, present, medians, "{:.0f} pixels to the shorter side"))
    if np.ptp(colored) >= 0.5:
        shortcut.append(_contrast(seen, present, 100 * colored, "{:.0f} % in color"))
    if shortcut:
        yield DatasetFinding(
            "shortcut", "warning", "size or color alone separates some classes",
            "A model may learn that instead: add images of both kinds to each class.", tuple(shortcut),
        )  # fmt: skip


def crops(seen: Survey, spec: RecipeInput) -> Iterator[DatasetFinding]:
    """Images of which the center crop leaves out a part that may count."""
    if crop := cropped(seen.heights, seen.widths, spec):
        level: Level = "warning" if crop.left_out >= MUCH else "note"
        yield DatasetFinding("cropped", level, str(crop), crop.advice)


def _contrast(seen: Survey, present: NDArray[np.int64], values: NDArray[np.float64], template: str) -> str:
    low, high = int(values.argmin()), int(values.argmax())
    return "; ".join(f"{seen.labels[present[k]]}: {template.format(values[k])}" for k in (low, high))


def _name(seen: Survey, place: int) -> str:
    """Return an image's id, and its label where the id does not hold it."""
    item = seen.items[place]
    label = seen.labels[item.label]
    return item.id if label in item.id.split("/") else f"{item.id} ({label})"


def _like(likeness: float) -> str:
    return "=" if likeness == 1.0 else f"~ ({min(likeness, 0.99):.2f})"


def _many(count: int, noun: str) -> str:
    plural = {"class": "classes"}.get(noun, f"{noun}s")
    return f"{count:,} {noun if count == 1 else plural}"
