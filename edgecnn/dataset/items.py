"""Sources of labelled images, and how paths become labelled items."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from edgecnn.dataset.layout import LayoutName, SplitName, make_tree, read_layout
from edgecnn.errors import DataError
from edgecnn.image.folder_walk import MOST_ITEMS
from edgecnn.image.names import USUAL, describe_left_out, is_junk, left_out_of, sort_names
from edgecnn.io.unicode_form import plain_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Background

__all__ = [
    "MOST_CLASSES",
    "MOST_ITEMS",
    "Item",
    "Listed",
    "Source",
    "SplitName",
    "check_classes",
    "list_items",
    "recording_of",
]
MOST_CLASSES = 10_000
# Nested folders. An archive can claim tens of thousands for each file.
MOST_DEPTH = 100
# How `edgecnn teach` names the frames that it records: the time when the recording began, and a number.
_RECORDED = re.compile(r"(\d{8}-\d{6}(?:-\d+)?)_\d+(?:-\d+)?\.\w+")


@dataclass(frozen=True, slots=True)
class Item:
    """One image: its id (unique in the source), its class, and optionally its official split and its group.

    Images of one group belong together, such as the frames of one recording: no two splits share a group.
    """

    id: str
    label: int
    split: SplitName | None
    group: str | None = None


class Source(Protocol):
    """A labelled set of images. `read` returns uint8 H×W (grey) or H×W×3 (BGR), or raises ImageError.

    `background` is the ground for transparent images; set it to the model's.
    """

    background: Background

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        ...

    @property
    def items(self) -> list[Item]:
        """The images."""
        ...

    def read(self, item: Item, least: int | None = None) -> NDArray[np.uint8]:
        """Read one image.

        A JPEG may be decoded smaller, with at least `least` pixels in its shorter side; None for the full
        size. With `Classifier.least_side`, the image is the one that this classifier always gets from a file.
        """
        ...

    def digest(self, item: Item) -> bytes:
        """Return the SHA-256 of an image as it is stored, without decoding it; raises as `read` does."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """The items found in paths.

    `foreign` are files of unsupported image formats, by kind; `notes` are lines for the user.
    """

    labels: tuple[str, ...]
    items: list[Item]
    foreign: dict[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def list_items(
    names: Iterable[str], source: str, peek: Callable[[str], bytes], layout: LayoutName = "auto"
) -> Listed:
    """Find classes and splits in paths; a path that ends with / is a folder.

    Parameters
    ----------
    source
        Its name in messages.
    peek
        Returns a file's first bytes, see `image_names.sort_names`.
    layout
        The layout of the folders; `auto` to detect it.

    Raises
    ------
    DataError
        For a layout that is not understood, and for classes that can't be used.
    """
    visible = [n for n in names if not any(is_junk(part) for part in n.split("/"))]
    images, foreign = sort_names((n for n in visible if not n.endswith("/")), peek)
    # A folder with only other files is reported, because it is not a class.
    folders = {posixpath.dirname(n) for n in visible}
    if deep := next((f for f in folders if f.count("/") >= MOST_DEPTH), None):
        raise DataError(
            f"{source}: {deep[:40]}… has {deep.count('/') + 1:,} nested folders, "
            f"{MOST_DEPTH} are read: expected a folder for each class, with images inside"
        )
    counts = Counter(posixpath.dirname(n) for n in images)
    tree = make_tree(counts, (f for f in folders if f not in counts))
    found = read_layout(tree, source, layout)
    places = {f: found.place((*f.split("/"), "")) for f in folders if f}
    classes = {place[0] for place in places.values() if place}
    placed: list[tuple[str, str, SplitName | None]] = []
    strays: list[str] = []
    for name in images:
        if place := places.get(posixpath.dirname(name)):
            _check_name(name, source)
            placed.append((name, *place))
        else:
            strays.append(name)
    labels = tuple(sorted(classes))
    check_classes(labels, {label for _, label, _ in placed}, source, foreign, strays)
    index = {label: i for i, label in enumerate(labels)}
    notes = (found.describe(source), describe_left_out(foreign, source), _stray(strays, source))
    return Listed(
        labels,
        [Item(name, index[label], split, recording_of(name)) for name, label, split in placed],
        foreign,
        tuple(note for note in notes if note),
    )


def recording_of(path: str) -> str | None:
    """Return the recording that a photo is a frame of, by its name: `cup/20261128-130501_004.jpg`; or None.

    Frames of one recording show one scene, so they are one group.
    """
    folder, name = posixpath.split(path)
    found = _RECORDED.fullmatch(name)
    return f"{folder}/{found[1]}" if found else None


def _stray(names: list[str], source: str) -> str:
    if not names:
        return ""
    many = f"{len(names):,} images that are" if len(names) > 1 else "an image that is"
    return f"{source}: left out {many} in no class folder: {names[0]}{' …' if len(names) > 1 else ''}"


def _check_name(path: str, source: str) -> None:
    """Raise DataError for a name that is not UTF-8, as in old archives: no report can show it."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{source}: the name of {path!r} is not UTF-8: rename it (convmv can)") from error


def check_classes(
    labels: tuple[str, ...],
    filled: set[str],
    source: str,
    foreign: dict[str, list[str]] | None = None,
    strays: Sequence[str] = (),
) -> None:
    """Raise DataError for fewer than two classes, too many, an empty one, and one that can't be printed.

    `strays` are images in no class folder.
    """
    left_out = f"; {left_out_of(foreign)}" if foreign else ""
    wanted = f"{source}: expected a folder of images for each of two or more classes"
    if not filled and not strays and foreign is not None:
        raise DataError(f"{wanted}, found no images ({USUAL}){left_out}")
    if not labels:
        loose = "images that are in none: if these are one class, give the folder above"
        raise DataError(f"{wanted}, found {loose if strays else 'none'}{left_out}")
    if len(labels) < 2:
        raise DataError(f"{wanted}, found only {labels[0]!r}: add another class{left_out}")
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
            f"{source}: the class {empty[0]!r} has no image ({USUAL}){_besides(foreign or {}, empty[0])}: "
            "add some or remove its folder"
        )


def _besides(foreign: dict[str, list[str]], label: str) -> str:
    """Return which files of unsupported formats are in a class's folder, as the end of a message."""
    inside = {
        kind: [n for n in names if not label or label in map(plain_name, n.split("/"))]
        for kind, names in foreign.items()
    }
    found = [
        f"{len(names):,} {kind}{'s' if len(names) > 1 else ''}" for kind, names in inside.items() if names
    ]
    return f" but {', '.join(found)}" if found else ""
