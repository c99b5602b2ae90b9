"""The folder of taught photos: plain class folders that the user owns.

Nothing is ever deleted: what is removed moves into `.trash` inside the folder. A photo is written to a
temporary name and renamed once it is on the disk, so that it exists whole or not at all.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.dataset import Item, recording_of
from edgecnn.errors import DataError, ImageNotFound, OutputError
from edgecnn.image.file import read_file, read_image
from edgecnn.io.atomic import remove_left_behind, write_new
from edgecnn.io.moving import flush_folder, move_new
from edgecnn.io.unicode_form import plain_name
from edgecnn.teaching.listing import Stamps, after, find_stamps, link_photos, list_photos, writing
from edgecnn.teaching.names import check_label, safe_name
from edgecnn.teaching.trash import (
    copy_photo,
    find_removed,
    move_into,
    open_trash,
    retire,
    unless_removed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Background

MOST_CLASSES = 200
# The coarsest times of changes that a file system has (FAT): a folder may have changed again since.
_COARSEST_NS = 3_000_000_000


class TaughtFolder:
    """The classes and photos of a folder; threads may share it.

    It is a `Source` of labelled images. The id of a photo is its path in the folder, `CLASS/FILE`. What it
    lists is on the disk. Reading the list never waits for a change that is being written.

    Attributes
    ----------
    folder
        Its path, absolute.
    revision
        Grows with each change.
    """

    background: Background = "white"

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.revision = 0
        # Held while the disk and the list of it change.
        self._changing = threading.RLock()
        # Replaced, never changed, so that readers need no lock.
        self._classes: dict[str, tuple[str, ...]] = {}
        # When each class's folders were changed last, as of its listing.
        self._stamps: dict[str, Stamps] = {}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{folder} can't be made: {error.strerror}; name another folder for the photos"
            ) from error
        self.refresh()
        for label in self._classes:
            remove_left_behind(self.folder / label)

    @classmethod
    def existing(cls, folder: str | os.PathLike[str]) -> TaughtFolder:
        """Open a folder that exists. Raises DataError where there is none."""
        if not os.path.isdir(folder):  # noqa: PTH112 - pathlib's raises where a folder may not be entered
            raise DataError(f"no folder {os.fspath(folder)!r} here: expected one that edgecnn teach fills")
        return cls(Path(folder))

    def touch(self) -> None:
        """Count a change that the names do not show: another program wrote into a photo."""
        with self._changing:
            self.revision += 1

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, sorted, also those without photos."""
        return tuple(self._classes)

    @property
    def items(self) -> list[Item]:
        """All photos; those of one recording are a group."""
        return [
            Item(f"{label}/{name}", k, None, recording_of(f"{label}/{name}"))
            for k, (label, names) in enumerate(self._classes.items())
            for name in names
        ]

    @property
    def counts(self) -> dict[str, int]:
        """The number of photos of each class."""
        return {label: len(names) for label, names in self._classes.items()}

    @property
    def newest(self) -> dict[str, str | None]:
        """The id of each class's newest photo, None where it has none."""
        return {label: f"{label}/{names[-1]}" if names else None for label, names in self._classes.items()}

    def photos(self, label: str) -> list[str]:
        """Return the ids of a class's photos, the newest first. Raises DataError for an unknown class."""
        return [f"{label}/{name}" for name in reversed(self._names(label))]

    def path(self, photo: str) -> Path:
        """Return the path of a photo that is known. Raises ImageNotFound for any other."""
        label, _, name = photo.partition("/")
        if name not in self._classes.get(label, ()):
            raise ImageNotFound(f"there is no photo {photo[:80]!r}: it was moved or removed")
        return self.folder / label / name

    def read(self, item: Item, least: int | None = None) -> NDArray[np.uint8]:
        """Read and decode a photo."""
        return read_image(self.path(item.id), least, background=self.background)

    def digest(self, item: Item) -> bytes:
        """Return the SHA-256 of the file."""
        return hashlib.sha256(read_file(self.path(item.id))).digest()

    def link_into(self, folder: Path) -> None:
        """Make a second folder of the photos as they are now; see `link_photos`. Raises OutputError."""
        with self._changing, writing(folder):
            link_photos(self.folder, [item.id for item in self.items], folder)

    def refresh(self) -> bool:
        """Look for what other programs added or removed; return whether there was anything.

        Raises DataError where the folder can't be read.
        """
        with self._changing:
            # Before the folders are listed, so that what changes meanwhile is found the next time.
            now_ns = time.time_ns()
            stamps = find_stamps(self.folder, self._stamps)
            found = {}
            for label, stamp in stamps.items():
                known = self._classes.get(label)
                if known is None or self._stamps.get(label) != stamp:
                    known = list_photos(self.folder / label, known or ())
                if known is not None:
                    found[label] = known
            settled_ns = now_ns - _COARSEST_NS
            self._stamps = {label: ns for label, ns in stamps.items() if max(ns.values()) < settled_ns}
            if found == self._classes:
                return False
            self._publish(found)
            return True

    def find(self, label: str) -> str:
        """Return a class by its name, in whichever form of Unicode its folder has it; else a new one's name.

        Raises DataError for a name that no class can have.
        """
        if label in self._classes:
            return label
        label = check_label(label)
        return next((known for known in self._classes if plain_name(known) == label), label)

    def ensure_class(self, label: str) -> str:
        """Add a class if it is missing, and return it. Raises DataError for a name that no class can have."""
        with self._changing:
            label = self.find(label)
            self._require(label)
            return label

    def add_class(self, label: str) -> str:
        """Add an empty class, and return its label. Raises DataError for a name that no class can have."""
        with self._changing:
            label = self.find(check_label(label))
            if label in self._classes:
                raise DataError(f"there is a class {label!r} already")
            self._require(label)
            return label

    def rename(self, label: str, to: str, *, merge: bool = False) -> list[str]:
        """Give a class another name; with `merge` its photos may join those of a class that exists.

        Return the new ids of photos that joined another class, for `move` to take them back.

        Raises FileExistsError where there is one and `merge` is false.
        """
        with self._changing:
            self.refresh()
            names, to = self._names(label), self.find(to)
            if to == label:
                return []
            if to in self._classes:
                if not merge:
                    raise FileExistsError(errno.EEXIST, f"there is a class {to!r} already", to)
                # What is behind a link to a folder stays there.
                is_link = (self.folder / label).is_symlink()
                joined = self._transfer([f"{label}/{name}" for name in names], to, copy=is_link)
                self._retire(label)
                return joined
            with writing(self.folder / to):
                move_new(self.folder / label, self.folder / to)
                flush_folder(self.folder)
            self._publish({to if name == label else name: rest for name, rest in self._classes.items()})
            return []

    def remove_class(self, label: str) -> list[str]:
        """Move a class with all of its photos into the trash; return what `restore` takes.

        Of a class that is a link to a folder, the link alone is moved.
        """
        with self._changing:
            self.refresh()
            names = self._names(label)
            is_link = (self.folder / label).is_symlink()
            removed = [] if is_link else self._transfer([f"{label}/{name}" for name in names], None)
            self._retire(label)
            return removed

    def save(self, label: str, data: bytes, name: str, *, make: bool = True) -> str:
        """Write a photo into a class; return its id once it is on the disk.

        Parameters
        ----------
        data
            The bytes of an image file.
        name
            The file's name; a number is added where it is taken.
        make
            Whether a missing class is made.

        Raises
        ------
        OutputError
            Where it can't be written, as on a full disk or without the class; nothing half-written stays.
        """
        with self._changing:
            label = self.ensure_class(label) if make else label
            with writing(self.folder / label):
                written = write_new(self.folder / label / safe_name(name), data)
            photo = f"{label}/{written.name}"
            self._publish(after(self._classes, (), [photo]))
            return photo

    def move(self, photos: Iterable[str], to: str) -> list[str]:
        """Move photos into another class; return the new ids of those that were moved.

        Before any is moved, raises ImageNotFound for a photo, and DataError for a class, that is not known.
        """
        with self._changing:
            self._names(to)
            self._require(to)
            return self._transfer(photos, to)

    def remove(self, photos: Iterable[str]) -> list[str]:
        """Move photos into the trash; return what `restore` takes to bring them back.

        Raises ImageNotFound, before any is moved, for a photo that is not known.
        """
        with self._changing:
            return self._transfer(photos, None)

    def restore(self, removed: Sequence[str]) -> list[str]:
        """Bring photos back from the trash; return their ids. Raises ImageNotFound for a missing one."""
        with self._changing:
            back = []
            for photo in removed:
                label, source = photo.partition("/")[0], find_removed(self.folder, photo)
                self._require(label)
                with writing(self.folder / label):
                    target = move_into(source, self.folder / label)
                    flush_folder(source.parent)
                    flush_folder(target.parent)
                back.append(f"{label}/{target.name}")
                self._publish(after(self._classes, (), back[-1:]))
            return back

    def _transfer(self, photos: Iterable[str], to: str | None, *, copy: bool = False) -> list[str]:
        """Move photos into a class, or into the trash for None; return where they are in there.

        Photos that are in the class already, and those that another program removed, are left out. With
        `copy` the files stay where they are too.
        """
        sources = {photo: self.path(photo) for photo in photos}
        gone: set[str] = set()
        arrived: list[str] = []
        changed: set[Path] = set()
        put = copy_photo if copy else move_into
        try:
            for photo, source in sources.items():
                label = photo.partition("/")[0]
                if label == to:
                    continue
                folder = self.folder / to if to else open_trash(self.folder, label)
                with writing(folder), unless_removed(source):
                    arrived.append(f"{to or label}/{put(source, folder).name}")
                gone.add(photo)
                changed |= {folder, source.parent}
        finally:
            for folder in changed:
                flush_folder(folder)
            self._publish(after(self._classes, gone, arrived if to else ()))
        return arrived

    def _names(self, label: str) -> tuple[str, ...]:
        try:
            return self._classes[label]
        except KeyError:
            raise DataError(f"there is no class {label[:80]!r}: it was renamed or removed") from None

    def _require(self, label: str) -> None:
        """Add a class if it is missing, or its folder if another program removed that a moment ago."""
        if label not in self._classes:
            if len(self._classes) >= MOST_CLASSES:
                raise DataError(f"there are {MOST_CLASSES} classes, the most that can be taught")
            self._make(label)
            self._publish({**self._classes, label: ()})
        elif not (self.folder / label).is_dir():
            self._make(label)

    def _make(self, label: str) -> None:
        with writing(self.folder / label):
            (self.folder / label).mkdir(exist_ok=True)
            flush_folder(self.folder)

    def _retire(self, label: str) -> None:
        """Move a class without photos away."""
        retire(self.folder, label)
        self._publish({name: rest for name, rest in self._classes.items() if name != label})

    def _publish(self, classes: Mapping[str, tuple[str, ...]]) -> None:
        """Replace the list, and count the change."""
        self._classes = {label: classes[label] for label in sorted(classes)}
        self.revision += 1
