"""Two versions on the photos that are new to both."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from edgecnn.classify.loader import load
from edgecnn.dataset import recording_of
from edgecnn.errors import DataError, ImageError
from edgecnn.evaluation.interval import wilson
from edgecnn.io.unicode_form import plain_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgecnn.bundle.bundle import Bundle
    from edgecnn.teaching.photos import TaughtFolder

# Of fewer new photos, a comparison says little.
_FEW = 20
# Classes that a note names.
_NAMED = 5


class VersionComparison(NamedTuple):
    """How many photos two versions were compared on, what to know about it, and the accuracy of each.

    An accuracy is 0 to 1, with its 95 % interval; None without photos.
    """

    photos: int
    note: str
    accuracies: list[dict[str, float] | None]


def taught_in(folder: Path) -> set[str]:
    """Return the SHA-256 of each file below a folder, in hexadecimal digits, and their recordings."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    return digests.union(filter(None, (_recording(path.as_posix()) for path in paths)))


def compare(photos: TaughtFolder, taught: set[str], first: Bundle, second: Bundle) -> VersionComparison:
    """Classify the photos that are new to both versions by both.

    Frames of a recording that one of them was taught other frames of are not new.

    Parameters
    ----------
    taught
        What both were taught, as `taught_in` returns it.
    """
    right = _answer(photos, taught, first, second)
    notes = [_only_known(first, second), _only_known(second, first)]
    if len(right) < _FEW:
        notes.append(
            f"Photos that are new to both versions: {len(right)}. Record some more to compare, or go "
            "by the accuracy of each on its own held-out photos."
        )
    accuracies = [_accuracy([answers[k] for answers in right]) for k in (0, 1)]
    return VersionComparison(len(right), " ".join(filter(None, notes)), accuracies)


def _answer(photos: TaughtFolder, taught: set[str], first: Bundle, second: Bundle) -> list[tuple[bool, bool]]:
    """Return for each photo that is new to both, and can be read, whether each version is right."""
    right = []
    with load(first.folder) as one, load(second.folder) as other:
        least = max(one.least_side, other.least_side)
        for item in photos.items:
            if _recording(item.id) in taught:
                continue
            try:
                if photos.digest(item).hex() in taught:
                    continue
                image = photos.read(item, least)
            except (DataError, ImageError):
                continue
            # As bundles name classes.
            label = plain_name(item.id.partition("/")[0])
            best = one.classify(image, 1)[0], other.classify(image, 1)[0]
            right.append((best[0].label == label, best[1].label == label))
    return right


def _recording(photo: str) -> str | None:
    """Return the recording that a photo is a frame of, without its class, which may get another name."""
    found = recording_of(photo)
    return found and found.rpartition("/")[2]


def _only_known(version: Bundle, other: Bundle) -> str:
    """Return a note on the classes that the other version does not know; "" for none."""
    only = [label for label in version.labels if label not in other.labels]
    if not only:
        return ""
    more = f" and {len(only) - _NAMED} more" if len(only) > _NAMED else ""
    name, names = version.folder.name, ", ".join(only[:_NAMED]) + more
    return f"Only {name} knows {names}: {other.folder.name} is wrong there."


def _accuracy(right: Sequence[bool]) -> dict[str, float] | None:
    if not right:
        return None
    share = sum(right) / len(right)
    return {
        "accuracy": round(share, 4),
        "low": round(wilson(share, len(right)), 4),
        "high": round(1 - wilson(1 - share, len(right)), 4),
    }
