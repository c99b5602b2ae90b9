"""Checks a dataset before any training: one pass over the images, then everything that may be wrong."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.dataset.duplicates import find_duplicates
from edgecnn.errors import OptionError
from edgecnn_train.inspection import findings as look
from edgecnn_train.inspection.label_noise import vote_on_labels
from edgecnn_train.inspection.survey import survey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.dataset import Item, Source, SplitName
    from edgecnn.dataset.duplicates import Duplicates
    from edgecnn_train.inspection.findings import DatasetFinding
    from edgecnn_train.inspection.label_noise import LabelVotes
    from edgecnn_train.inspection.survey import Survey
    from edgecnn_train.recipe import Recipe

SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
_SEVERITY = {"error": 0, "warning": 1, "note": 2}
# Findings that `--strict` refuses.
_STRICT = frozenset({"leak", "conflict", "corrupt"})


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of a check, the worst findings first."""

    path: Path
    seen: Survey
    same: Duplicates
    votes: LabelVotes | None
    findings: tuple[DatasetFinding, ...]

    def why_not(self, *, strict: bool) -> str:
        """Return the findings that stop training, or with `strict` the check; empty if there are none.

        Training needs enough readable images of every class; `strict` no image that is damaged, in two
        splits, or the same under two labels.
        """
        kinds = {"unusable-class"} | (_STRICT if strict else set())
        return "; ".join(f.what for f in self.findings if f.kind in kinds)

    def counts(self) -> list[dict[str, Any]]:
        """Return for each class its label and its images, in all and in each official split."""
        seen = self.seen
        tally = Counter((i.label, i.split) for i in seen.items)
        images = Counter(i.label for i in seen.items)
        shown = [s for s in SPLITS if (seen.splits == s).any()]
        return [
            {
                "label": label,
                "pictures": images[k],
                **{s: tally[k, s] for s in shown},
            }
            for k, label in enumerate(seen.labels)
        ]

    def sizes(self) -> dict[str, list[int]]:
        """Return the least, median and largest width and height, in pixels."""
        sides = (self.seen.widths, self.seen.heights)
        return {
            name: [int(f(side)) for side in sides]
            for name, f in (("min", np.min), ("median", np.median), ("max", np.max))
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the report for programs; images by id."""
        seen, votes = self.seen, self.votes
        return {
            "path": str(self.path),
            "pictures": len(seen),
            "classes": self.counts(),
            "sizes": self.sizes(),
            "color": int(seen.colored.sum()),
            "gray": int((~seen.colored).sum()),
            "unreadable": [{"id": u.item.id, "reason": u.reason} for u in seen.unreadable],
            "label_votes": votes
            and {
                "neighbours": votes.asked,
                "needed": votes.needed,
                "accuracy": votes.accuracy,
                "trusted": votes.trusted,
                "reach": votes.reach,
            },
            "findings": [
                {
                    "kind": f.kind,
                    "level": f.level,
                    "what": f.what,
                    "todo": f.todo,
                    "examples": list(f.examples),
                    "pictures": [[seen.items[p].id for p in group] for group in f.images],
                }
                for f in self.findings
            ],
        }


def check(
    source: Source,
    path: Path,
    recipe: Recipe,
    tick: Callable[[int], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> CheckReport:
    """Check a dataset.

    Parameters
    ----------
    path
        The path of the source.
    recipe
        Whose shares of splits and whose seed are taken.
    tick, say
        Told how many images are read, and which step comes next.

    Raises
    ------
    DataError
        Where no image can be read.
    """
    seen = survey(source, path, tick)
    say("comparing images")
    same = find_duplicates(seen.digests, seen.thumbnails, recipe.train.seed)
    say("comparing labels")
    votes = vote_on_labels(seen, recipe.train.seed)
    # The order here is the order of findings of the same level.
    found = chain(
        look.unusable_classes(seen),
        look.leaks(seen, same),
        look.conflicts(seen, same),
        look.unreadable(seen),
        look.swapped_labels(seen, votes),
        look.class_names(seen),
        look.repeats(seen, same),
        look.shapes(seen),
        look.crops(seen, recipe.input),
        look.balance(seen, recipe.data),
    )
    return CheckReport(path, seen, same, votes, tuple(sorted(found, key=lambda f: _SEVERITY[f.level])))


def manifest(report: CheckReport, target: Path) -> tuple[str, int]:
    """Return a CSV manifest with duplicates in one group, and how many images it leaves out.

    Where a group is in several official splits, only its images in the test split stay (or those in the
    validation split where the test has none), so that the test does not change. Images that can't be
    read are left out too, uncounted. Raises OptionError for images that are no files.
    """
    path, seen = report.path, report.seen
    folder = path if path.is_dir() else path.parent
    if not (path.suffix.lower() == ".csv" or all((folder / i.id).is_file() for i in seen.items[:1])):
        raise OptionError(
            f"--manifest needs images that are files of their own, not in an archive or IDX files: "
            f"unpack {path} and check the folder"
        )
    group = report.same.tie([item.group or "" for item in seen.items])
    home: dict[str, int] = {}
    for item, name in zip(seen.items, group, strict=True):
        home[name] = max(_rank(item), home.get(name, 0))
    # What has no official split is drawn into one of its own, or trained on.
    left_out = {p for p, name in enumerate(group) if name and _rank(seen.items[p]) < home[name]}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label", "split", "group"])
    for place, item in enumerate(seen.items):
        if place not in left_out:
            where = os.path.relpath(folder / item.id, target.parent)
            writer.writerow([where, seen.labels[item.label], item.split or "", group[place]])
    return text.getvalue(), len(left_out)


def _rank(item: Item) -> int:
    return SPLITS.index(item.split) if item.split else 0
