"""The embeddings of the taught photos, kept in memory: a change costs what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgecnn.dataset import Item
from edgecnn.learning.material import FEW
from edgecnn.learning.photos import Photos
from edgecnn.learning.views import PLAIN, VIEWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgecnn.learning.photos import Reader
    from edgecnn.teaching.photos import TaughtFolder

    Rows = dict[str, NDArray[np.float32]]


class Mark(NamedTuple):
    """What changes when another program writes into a file, or lets it be read."""

    size: int
    time_ns: int
    mode: int


class Seen(NamedTuple):
    """Photos with their embeddings, and the labels of their classes; classes without photos are left out."""

    labels: tuple[str, ...]
    photos: Photos


class Memory:
    """The embeddings of a folder's photos. Use it from one thread.

    Parameters
    ----------
    flip
        Whether a mirrored photo shows the same class.
    """

    def __init__(self, folder: TaughtFolder, reader: Reader, *, flip: bool = True) -> None:
        self._folder, self._reader = folder, reader
        self._more = tuple(view for view in VIEWS if view != "mirror" or flip)
        self._rows: dict[str, Rows] = {}
        self._marks: dict[str, Mark | None] = {}
        # Photos that can't be read, with the reason; they are tried again when they have changed.
        self.unreadable: dict[str, str] = {}

    def embed(self, most: int, *, views: bool) -> int:
        """Embed photos that have no embedding yet, or no views; return how many are still to be done.

        Parameters
        ----------
        most
            How many to embed now.
        views
            Whether to embed the views too, and not the photos alone.
        """
        items = self._folder.items
        here = {item.id for item in items}
        self._forget_changed(here)
        self._rows = {photo: rows for photo, rows in self._rows.items() if photo in here}
        self.unreadable = {photo: why for photo, why in self.unreadable.items() if photo in here}
        wanted = (PLAIN, *self._more) if views and len(items) <= FEW else (PLAIN,)
        missing = [
            item
            for item in items
            if item.id not in self.unreadable and not self._rows.get(item.id, {}).keys() >= set(wanted)
        ]
        batch = missing[:most]
        if batch:
            found = self._reader.read(self._folder, batch, wanted[1:])
            for k, item in enumerate(found.items):
                self._rows[item.id] = {name: rows[k] for name, rows in found.views.items()}
            lost = [item for item in batch if item not in found.items]
            for item, error in zip(lost, found.skipped, strict=True):
                self.unreadable[item.id] = str(error)
                if isinstance(error, FileNotFoundError):
                    # It may be back, and look as before: another program may move a class away and back.
                    self._marks[item.id] = None
        return max(0, len(missing) - most)

    @property
    def is_outdated(self) -> bool:
        """Whether another program wrote into a photo that was embedded, or that could not be read."""
        return any(mark != self._mark(photo) for photo, mark in list(self._marks.items()))

    def _forget_changed(self, here: set[str]) -> None:
        marks = {photo: self._mark(photo) for photo in here}
        for photo in [photo for photo, mark in self._marks.items() if mark != marks.get(photo)]:
            self._rows.pop(photo, None)
            self.unreadable.pop(photo, None)
        self._marks = marks

    def _mark(self, photo: str) -> Mark | None:
        """Return a file's mark; None where it is gone."""
        try:
            status = (self._folder.folder / photo).stat()
        except OSError:
            return None
        return Mark(status.st_size, status.st_mtime_ns, status.st_mode)

    def seen(self) -> Seen:
        """Return the photos that are embedded; with views where all of them are."""
        items = [item for item in self._folder.items if item.id in self._rows]
        # By their ids: the folder's classes may be others a moment later.
        labels = tuple(dict.fromkeys(item.id.partition("/")[0] for item in items))
        numbers = {label: k for k, label in enumerate(labels)}
        kept = [Item(i.id, numbers[i.id.partition("/")[0]], None, i.group) for i in items]
        names = [PLAIN]
        if 0 < len(kept) <= FEW and all(self._rows[item.id].keys() >= set(self._more) for item in kept):
            names += self._more
        return Seen(labels, _photos(kept, [self._rows[i.id] for i in kept], names))

    def rows(self, label: str) -> NDArray[np.float32] | None:
        """Return the embeddings of a class's photos, (photos, values); None for none."""
        found = [rows[PLAIN] for photo, rows in self._rows.items() if photo.partition("/")[0] == label]
        return np.stack(found) if found else None


def _photos(items: Sequence[Item], rows: Sequence[Rows], names: Sequence[str]) -> Photos:
    if not items:
        return Photos((), np.zeros(0, np.int64), {PLAIN: np.zeros((0, 1), np.float32)})
    return Photos(
        tuple(items),
        np.array([item.label for item in items], np.int64),
        {name: np.stack([row[name] for row in rows]) for name in names},
    )
