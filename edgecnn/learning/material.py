"""What is learned from: photos to teach, photos to test, and photos of other things, all embedded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgecnn.dataset import Item, left_out
from edgecnn.errors import DataError
from edgecnn.image.file import find_images, read_file, read_image
from edgecnn.learning.photos import Photos
from edgecnn.learning.views import VIEWS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Background
    from edgecnn.dataset import Source
    from edgecnn.learning.photos import Reader
    from edgecnn.learning.request import Request

BACKGROUND = "background"
# A class by one of these names stands for everything else.
_OTHER_THINGS = (BACKGROUND, "unknown")
# Cross-validation needs one photo to test, and two to learn from.
LEAST = 3
# Views take as long as the photo itself, and help where photos are few.
FEW = 300
_NAMED = 5


class OtherThings:
    """A source of photos of other things, below a folder; they are one class."""

    background: Background = "white"

    def __init__(self, folder: Path, label: int) -> None:
        if not os.path.isdir(folder):  # noqa: PTH112 - pathlib's raises where a folder may not be entered
            raise DataError(f"no folder {folder}: give one of photos of other things with --negatives")
        self.labels: tuple[str, ...] = (BACKGROUND,)
        # By folder and place in it: a card would show other folders of this machine.
        self._paths = {
            f"{folder.absolute().name}/{_in_utf8(path.relative_to(folder))}": path
            for path in find_images(folder).paths
        }
        self.items = [Item(name, label, None) for name in self._paths]

    def read(self, item: Item, least: int | None = None) -> NDArray[np.uint8]:
        """Read and decode the file."""
        return read_image(self._paths[item.id], least, background=self.background)

    def digest(self, item: Item) -> bytes:
        """Return the SHA-256 of the file."""
        import hashlib

        return hashlib.sha256(read_file(self._paths[item.id])).digest()


def _in_utf8(path: Path) -> str:
    """Return a path as text; what is no UTF-8 is escaped, as nothing of it is ever looked up."""
    return path.as_posix().encode("utf-8", "backslashreplace").decode()


class Material(NamedTuple):
    """What is learned from.

    Attributes
    ----------
    source
        Where the photos of the classes are read from.
    labels
        The classes; the last one is `background` where photos of other things were given.
    background
        The index of the class that stands for everything else; None for none.
    taught
        The photos to learn from, those of other things among them.
    tested
        The photos of the official test split; None where there is none.
    skipped
        The reason for each photo that could not be read.
    computed
        How many embeddings were computed now.
    """

    source: Source
    labels: tuple[str, ...]
    background: int | None
    taught: Photos
    tested: Photos | None
    skipped: tuple[str, ...]
    computed: int

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which of the taught photos show a class, and not other things."""
        return np.asarray(self.taught.labels != (-1 if self.background is None else self.background))


def gather(source: Source, request: Request, reader: Reader) -> Material:
    """Read and embed everything. Raises DataError where a class has too few photos."""
    say = request.say
    for note in left_out(source):
        say(note)
    teaching = [item for item in source.items if item.split != "test"]
    testing = [item for item in source.items if item.split == "test"]
    _check([i.label for i in teaching], source.labels, "photo")
    labels, background = _classes(source.labels, request.negatives)
    views = [view for view in VIEWS if view != "mirror" or request.flip]
    chosen = tuple(views) if len(teaching) <= FEW else ()
    say(f"embedding {len(source.items):,} photos; those of earlier runs are kept")
    others = None
    if request.negatives is not None and background is not None:
        others = OtherThings(request.negatives, background)
    parts = [reader.read(source, teaching, chosen, request.progress)]
    if others is not None:
        parts.append(reader.read(others, others.items, chosen, request.progress))
    tested = reader.read(source, testing, (), request.progress) if testing else None
    skipped = tuple(str(error) for part in (*parts, *([tested] if tested else [])) for error in part.skipped)
    _tell_skipped(skipped, request)
    taught = _joined(parts)
    _check(taught.labels.tolist(), labels, "readable photo")
    computed = sum(part.computed for part in (*parts, *([tested] if tested else [])))
    return Material(source, labels, background, taught, tested or None, skipped, computed)


def _classes(labels: tuple[str, ...], negatives: Path | None) -> tuple[tuple[str, ...], int | None]:
    """Return the classes, and which of them stands for everything else."""
    named = background_of(labels)
    if named is not None or negatives is None:
        return labels, named
    return (*labels, BACKGROUND), len(labels)


def background_of(labels: Sequence[str]) -> int | None:
    """Return which class stands for everything else, by its name; None for none."""
    return next((k for k, label in enumerate(labels) if label.casefold() in _OTHER_THINGS), None)


def _check(found: Sequence[int], labels: tuple[str, ...], what: str) -> None:
    counts = np.bincount(np.array(found, np.int64), minlength=len(labels))
    for label, count in zip(labels, counts, strict=True):
        if count < LEAST:
            raise DataError(
                f"the class {label!r} has {count} {what}{'s' * int(count != 1)}, expected at least {LEAST}, "
                "better 20: "
                "add photos of it, or remove its folder"
            )


def _tell_skipped(skipped: Sequence[str], request: Request) -> None:
    for reason in skipped[:_NAMED]:
        request.say(f"skipped: {reason}")
    if len(skipped) > _NAMED:
        request.say(f"skipped {len(skipped):,} photos that can't be read")


def _joined(parts: Sequence[Photos]) -> Photos:
    return Photos(
        tuple(item for part in parts for item in part.items),
        np.concatenate([part.labels for part in parts]),
        {name: np.concatenate([part.views[name] for part in parts]) for name in parts[0].views},
    )
