"""What a source of labelled images gives, and how classes and splits are found in paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, Protocol

from edgecnn.errors import DataError
from edgecnn.image_file import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

SplitName = Literal["train", "validation", "test"]
SPLIT_FOLDERS: dict[str, SplitName] = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test",
}  # fmt: skip
# Files or rows: ImageNet has 1.4 million. What is kept of each takes some hundred bytes.
MOST_ITEMS = 2_000_000
MOST_CLASSES = 10_000


@dataclass(frozen=True, slots=True)
class Item:
    """One image: its id (unique in the source), its class, its official split and its group if it has one.

    Images of one group belong together, such as the frames of one recording: no two splits share a group.
    """

    id: str
    label: int
    split: SplitName | None
    group: str | None = None


class Source(Protocol):
    """A labelled set of images. `read` returns uint8 H×W (grey) or H×W×3 (BGR), or raises ImageError."""

    labels: tuple[str, ...]
    items: list[Item]

    def read(self, item: Item, least: int | None = None) -> NDArray[np.uint8]:
        """Read one image.

        Its shorter side has at least `least` pixels where a JPEG is decoded smaller, None for the full size:
        a `Classifier.least_side` gives what that classifier gets of a file everywhere.
        """
        ...


def list_items(names: Iterable[str], source: str) -> tuple[tuple[str, ...], list[Item]]:
    """Find classes and splits in paths; a path that ends in / is a folder. Raises DataError."""
    visible = [n for n in names if not any(x.startswith((".", "__MACOSX")) for x in n.split("/"))]
    root = _common_folder(visible)
    split_at = [n[len(root) :].split("/") for n in visible if n != root]
    tops = {parts[0] for parts in split_at if len(parts) > 1}
    splits = {t for t in tops if t.lower() in SPLIT_FOLDERS}
    official = "train" in {SPLIT_FOLDERS[t.lower()] for t in splits}
    if official and splits != tops:
        raise DataError(
            f"{source}: {sorted(tops - splits)[0]!r} stands beside {', '.join(sorted(splits))}: "
            "expected either folders of classes, or train, val and test with the classes inside"
        )
    depth = 1 if official else 0
    classes: set[str] = set()
    found: list[tuple[str, str, SplitName | None]] = []
    for parts in split_at:
        if len(parts) < depth + 2:
            continue
        label = parts[depth]
        classes.add(label)
        if PurePosixPath(parts[-1]).suffix.lower() in EXTENSIONS:
            _check_name("/".join(parts), source)
            split = SPLIT_FOLDERS[parts[0].lower()] if official else None
            found.append(("/".join(parts), label, split))
    labels = tuple(sorted(classes))
    check_classes(labels, {label for _, label, _ in found}, source)
    index = {label: i for i, label in enumerate(labels)}
    return labels, [Item(root + path, index[label], split) for path, label, split in found]


def _check_name(path: str, source: str) -> None:
    """Raise DataError for a name in another encoding, as old archives have them: no report can show it."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{source}: the name of {path!r} is not UTF-8: rename it (convmv can)") from error


def _common_folder(names: list[str]) -> str:
    """Return the one folder that wraps everything, as archives often have it, or an empty text."""
    tops = {n.partition("/")[0] for n in names}
    if len(tops) != 1 or {t.lower() for t in tops} <= set(SPLIT_FOLDERS):
        return ""
    top = tops.pop() + "/"
    deeper = [n for n in names if n.startswith(top) and "/" in n[len(top) :].rstrip("/")]
    return top if deeper else ""


def check_classes(labels: tuple[str, ...], filled: set[str], source: str) -> None:
    """Raise DataError for fewer than two classes, too many, an empty one, and one that can't be printed."""
    if len(labels) < 2:
        found = f"only {labels[0]!r}" if labels else "none"
        raise DataError(
            f"{source}: expected a folder of pictures for each of two or more classes, found {found}"
        )
    if len(labels) > MOST_CLASSES:
        raise DataError(
            f"{source} has {len(labels):,} classes, expected at most {MOST_CLASSES:,}: "
            "is the right column or level of folders the class?"
        )
    for label in labels:
        if not label.isprintable():
            raise DataError(
                f"{source}: the class {label!r} has a name that can't be printed: rename its folder"
            )
    if empty := [label for label in labels if label not in filled]:
        raise DataError(
            f"{source}: the class {empty[0]!r} has no picture ({', '.join(sorted(EXTENSIONS))}): "
            "add some or remove its folder"
        )
