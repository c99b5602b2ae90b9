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
    from edgecnn.dataset import Item
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
    items = [
        item
        for item in photos.items
        if _recording(item.id) not in taught and photos.digest(item).hex() not in taught
    ]
    notes = [_only_known(first, second), _only_known(second, first)]
    if len(items) < _FEW:
        notes.append(
            f"Photos that are new to both versions: {len(items)}. Record some more to compare, or go "
            "by the accuracy of each on its own held-out photos."
        )
    accuracies = [_accuracy(photos, items, bundle) for bundle in (first, second)]
    return VersionComparison(len(items), " ".join(filter(None, notes)), accuracies)


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


def _accuracy(photos: TaughtFolder, items: Sequence[Item], bundle: Bundle) -> dict[str, float] | None:
    if not items:
        return None
    right = 0
    with load(bundle.folder) as classifier:
        for item in items:
            try:
                image = photos.read(item, classifier.least_side)
            except (DataError, ImageError):
                continue
            # As bundles name classes.
            label = plain_name(item.id.partition("/")[0])
            right += classifier.classify(image, 1)[0].label == label
    share = right / len(items)
    return {
        "accuracy": round(share, 4),
        "low": round(wilson(share, len(items)), 4),
        "high": round(1 - wilson(1 - share, len(items)), 4),
    }
