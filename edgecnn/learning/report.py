"""The card and the report page of a learned bundle: how good it is, and whether the photos are enough."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from edgecnn.errors import DataError, ImageError
from edgecnn.io.printable import printable
from edgecnn.learning.alike import ALIKE
from edgecnn.learning.curve import enough
from edgecnn.learning.sentences import headlines, in_short, unknown_sentences
from edgecnn.report.blocks import Gallery, Photo, ReportSection, Table
from edgecnn.report.card import render_card
from edgecnn.report.offenders import MOST, SHOWN_SIDE, to_shown_size
from edgecnn.report.page import render_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from edgecnn.bundle.manifest import Manifest
    from edgecnn.dataset import Item
    from edgecnn.learning.curve import Point
    from edgecnn.learning.judge import Judgment
    from edgecnn.learning.lesson import Lesson
    from edgecnn.learning.suspects import Suspects

# Pairs of doubled photos, and mislabelled ones, that a page shows.
_SHOWN = 12


def write_report(
    folder: Path,
    manifest: Manifest,
    lesson: Lesson,
    judged: Judgment,
    curve: Sequence[Point],
    suspects: Suspects,
) -> str:
    """Write a bundle's card, which has no photo in it; return the page for `put_in_place`."""
    sections = _sections(manifest, lesson, judged, curve, suspects)
    title, name = manifest.title, manifest.name
    (folder / "CARD.md").write_text(render_card(title, name, sections), "utf-8")
    photos = [_wrong(lesson, judged, name), *_suspect_photos(lesson, suspects)]
    first, *others = sections
    return render_page(title, name, [first, *photos, *others], {})


def _sections(
    manifest: Manifest, lesson: Lesson, judged: Judgment, curve: Sequence[Point], suspects: Suspects
) -> list[ReportSection]:
    warnings = tuple(f"**{line}**" for line in headlines(judged, curve))
    labels = manifest.labels
    return [
        ReportSection("In short", (*warnings, in_short(judged, curve, labels))),
        ReportSection("Have I enough photos?", (enough(curve), _curve(curve, judged))),
        ReportSection("Classes", (_classes(lesson, judged), _confusions(judged, labels))),
        ReportSection("Accuracy", (_accuracy(manifest, judged), _how(lesson, judged))),
        ReportSection("Unknown", (unknown_sentences(lesson, judged),)),
        ReportSection("Photos to look at again", (_suspect_list(lesson, suspects),)),
        ReportSection("What the model reveals", (_reveals(lesson),)),
        ReportSection("Learning", (_learning(lesson),)),
    ]


def _curve(curve: Sequence[Point], judged: Judgment) -> Table:
    where = "by folds" if judged.folds else "on the test photos"
    return Table(
        ("photos a class, at most", f"right, {where}", "95 % interval"),
        tuple((f"{p.photos:,}", f"{p.accuracy:.1%}", f"{p.low:.0%} to {p.high:.0%}") for p in curve),
    )


def _classes(lesson: Lesson, judged: Judgment) -> Table:
    """Return what int8 makes of each class, and how many photos taught it."""
    taught = lesson.material.taught.labels.tolist()
    rows = []
    for k, label in enumerate(lesson.material.labels):
        row, column = judged.confusion[k], judged.confusion[:, k]
        rows.append(
            (
                label,
                f"{taught.count(k):,}",
                f"{row.sum():,}",
                _share(row[k], row.sum()),
                _share(row[k], column.sum()),
            )
        )
    return Table(
        ("class", "photos", "tested", "found (recall)", "right where it is predicted (precision)"),
        tuple(rows),
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""


def _confusions(judged: Judgment, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the most frequent confusions, the worst first."""
    counts = [
        (int(judged.confusion[i, j]), labels[i], labels[j])
        for i in range(len(labels))
        for j in range(len(labels))
        if i != j and judged.confusion[i, j]
    ]
    counts.sort(key=lambda c: -c[0])
    lines = tuple(f"{count:,} times {true} was taken for {named}." for count, true, named in counts[:5])
    return lines or ("No class was taken for another one.",)


def _accuracy(manifest: Manifest, judged: Judgment) -> Table:
    top1 = {
        name: f"{v.accuracy:.2%}" if v.accuracy is not None else "not measured"
        for name, v in manifest.variants.items()
    }
    what = f"top-1 by {judged.folds} folds" if judged.folds else "top-1 on the test photos"
    return Table(
        ("", *manifest.variants),
        (
            (f"{what}, {judged.photos:,} photos", *top1.values()),
            ("file", *(f"{v.bytes:,} bytes" for v in manifest.variants.values())),
        ),
    )


def _how(lesson: Lesson, judged: Judgment) -> tuple[str, ...]:
    lines = []
    if judged.folds:
        together = (
            "near duplicates are in different folds where a class has nothing else"
            if judged.familiar
            else "near duplicates are in the same fold"
        )
        lines.append(
            f"Each photo was classified by a head that had not seen it ({judged.folds} folds; {together}, "
            "and each fold chose its settings without its test photos). The model that is published has "
            "learned from all photos."
        )
    else:
        lines.append("The photos of the test split taught nothing and decided nothing.")
    if judged.agreement is not None:
        compared = "photos that the head had not seen" if judged.folds else "the test photos"
        lines.append(f"int8 and float32 give the same answer for {judged.agreement:.2%} of {compared}.")
        lines.append("Both have the same head, which the embeddings of int8 taught.")
    elif "float32" not in lesson.trunk.files:
        lines.append(f"There is no float32 variant: the trunk {lesson.trunk.name} has int8 weights only.")
    lines.append(f"The calibration error of the scores is {judged.calibration_error:.2%}.")
    return tuple(lines)


def _suspect_list(lesson: Lesson, suspects: Suspects) -> tuple[str, ...]:
    items, labels = lesson.material.taught.items, lesson.material.labels
    lines = [
        f"{_named(items[s.place])} is in {labels[items[s.place].label]}, and looks like "
        f"{labels[s.looks_like]} ({s.score:.0%})."
        for s in suspects.mislabelled[:MOST]
    ]
    for pair in suspects.doubled[:MOST]:
        one, other = items[pair.first], items[pair.second]
        where = "" if one.label == other.label else f", in {labels[one.label]} and {labels[other.label]}"
        lines.append(f"{_named(one)} and {_named(other)} are nearly the same photo{where}.")
    if more := len(suspects.doubled[MOST:]):
        lines.append(f"{more:,} more pairs are nearly the same.")
    return tuple(lines) or ("No photo looks mislabelled, and none is there twice.",)


def _named(item: Item) -> str:
    """Return a photo's name as Markdown shows it, whatever is in it."""
    return "`" + printable(item.id).replace("`", "'") + "`"


def _reveals(lesson: Lesson) -> str:
    """Say what the prototypes show about the photos."""
    counts = lesson.material.taught.labels[lesson.material.known]
    single = any((counts == k).sum() < 4 for k in set(counts.tolist()))
    own = " A class of fewer than four photos has a single one." if single else ""
    return (
        f"The model contains no photo. It contains {len(lesson.taught.prototypes):,} prototypes, each the "
        f"mean of the embeddings of several photos that look alike.{own} From a prototype one can tell "
        "roughly what such photos show, and whether a photo at hand is much like them; keep the model as "
        "private as that."
    )


def _learning(lesson: Lesson) -> tuple[str, ...]:
    trunk, views = lesson.trunk, len(lesson.choice.views) - 1
    seen = f", each also in {views} other views" if views else ""
    return (
        f"Trunk `{trunk.name}`, cut at `{trunk.main.embedding.name}` ({trunk.main.embedding.size:,} values), "
        f"{trunk.input.width}×{trunk.input.height} {trunk.input.color}, {trunk.input.fit}.",
        f"A softmax regression on {len(lesson.material.taught):,} photos{seen}; L2 strength "
        f"{lesson.choice.strength:g} by cross-validation; every class counts the same.",
    )


def _wrong(lesson: Lesson, judged: Judgment, name: str) -> ReportSection:
    title = "Wrong answers"
    if not judged.wrong:
        return ReportSection(title, ("Every test photo was classified correctly.",))
    labels, shown = lesson.material.labels, judged.wrong[:MOST]
    text = (
        f"The {len(shown):,} test photos that were misclassified with the highest scores. They are your "
        f"photos: share this page only where you may share them. The bundle `{name}` has none of them in it."
    )
    photos = _photos(
        lesson,
        [
            (w.item, (labels[w.item.label], ", classified as ", labels[w.named], f" with {w.score:.0%}"))
            for w in shown
        ],
    )
    return ReportSection(title, (text, Gallery(photos)))


def _suspect_photos(lesson: Lesson, suspects: Suspects) -> list[ReportSection]:
    items, labels, found = lesson.material.taught.items, lesson.material.labels, []
    wrong = [(items[s.place], labels[s.looks_like], s.score) for s in suspects.mislabelled[:_SHOWN]]
    pairs = [(items[p.first], items[p.second]) for p in suspects.doubled[:_SHOWN]]
    # Photos of other things come from another folder, and are not shown.
    own = set(lesson.material.source.items)
    if shown := _photos(
        lesson,
        [
            (item, (labels[item.label], ", looks like ", other, f" ({score:.0%})"))
            for item, other, score in wrong
            if item in own
        ],
    ):
        found.append(ReportSection("Mislabelled?", (Gallery(shown),)))
    # Each photo once, with one that it is like.
    twins = {item: twin for pair in pairs if set(pair) <= own for item, twin in (pair, pair[::-1])}
    if shown := _photos(
        lesson,
        [(item, (labels[item.label], f", nearly the same as {twin.id}")) for item, twin in twins.items()],
    ):
        text = (
            f"Embeddings with a cosine of {ALIKE} or more, from the mean of all. A photo that is in the data "
            "twice teaches nothing new."
        )
        found.append(ReportSection("Nearly the same", (text, Gallery(shown))))
    return found


def _photos(lesson: Lesson, captioned: Iterable[tuple[Item, tuple[str, ...]]]) -> tuple[Photo, ...]:
    """Return photos with their captions; one that was moved away meanwhile is left out."""
    found = []
    for item, caption in captioned:
        with suppress(ImageError, DataError):
            image = lesson.material.source.read(item, SHOWN_SIDE)
            found.append(Photo(to_shown_size(image), item.id, caption))
    return tuple(found)
