"""Class folders on the disk: their photos, which folders changed, and what can't be written."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from edgecnn.errors import DataError, OutputError
from edgecnn.image.folder_walk import peek, walk
from edgecnn.image.names import is_junk, sort_names
from edgecnn.teaching.names import is_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

# When a class's folder and those below it were changed last, by path: nanoseconds since the epoch.
Stamps = dict[str, int]


def find_stamps(folder: Path, known: Mapping[str, Stamps]) -> dict[str, Stamps]:
    """Return when the folders of each class were changed last, sorted by class.

    Raises DataError where the folder can't be read.

    Parameters
    ----------
    known
        What was found before. A class's subfolders are looked for again only where one of these changed.
    """
    found = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not is_class(entry.name):
                    continue
                if _is_folder(entry):
                    before = known.get(entry.name, {})
                    times = _times(before)
                    if times != before or not times:
                        times = _times(_folders(entry.path))
                    if times:
                        found[entry.name] = times
    except OSError as error:
        raise DataError(f"{folder} can't be read: {error.strerror}") from error
    return dict(sorted(found.items()))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _folders(path: str) -> Iterator[str]:
    """Yield a folder and those below it, links too."""
    yield path
    for above, names, _ in os.walk(path):
        yield from (f"{above}/{name}" for name in names if not is_junk(name))


def _times(folders: Iterable[str]) -> Stamps:
    times = {}
    for path in folders:
        with suppress(FileNotFoundError):  # removed a moment ago
            times[path] = os.stat(path).st_mtime_ns  # noqa: PTH116 - for each folder, every two seconds
    return times


def list_photos(folder: Path, known: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the photos below a class's folder as relative paths; None where the folder is gone.

    Known ones stay in their order; new ones follow, those that were recorded first at first.
    """
    try:
        images, _ = sort_names(walk(folder).files, lambda name: peek(f"{folder}/{name}"))
    except DataError:
        if folder.is_dir():
            raise
        return None
    found, before = set(images), set(known)
    return (*(name for name in known if name in found), *sorted(found - before))


def after(
    classes: Mapping[str, tuple[str, ...]], gone: Iterable[str], arrived: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Return the photos by class, without some ids, and with others at the end."""
    without: dict[str, set[str]] = {}
    new: dict[str, list[str]] = {}
    for photo in gone:
        label, _, name = photo.partition("/")
        without.setdefault(label, set()).add(name)
    for photo in arrived:
        label, _, name = photo.partition("/")
        without.setdefault(label, set()).add(name)  # another program may have removed one of that name
        new.setdefault(label, []).append(name)
    changed = {
        label: (*(name for name in classes.get(label, ()) if name not in names), *new.get(label, ()))
        for label, names in without.items()
    }
    return {**classes, **changed}


def link_photos(source: Path, photos: Iterable[str], target: Path) -> None:
    """Make photos appear below a second folder, by hard links where there are some. Raises OSError."""
    for photo in photos:
        link = target / photo
        link.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(os.path.realpath(source / photo), link)  # of a link, the file
        except FileNotFoundError:  # another program removed it a moment ago
            continue
        except OSError:
            shutil.copyfile(source / photo, link)


@contextmanager
def writing(where: Path) -> Iterator[None]:
    """Turn an OSError into the message of a folder that can't be written to."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "the disk is full" if full else error.strerror or str(error)
        raise OutputError(f"{where} can't be written: {reason}") from error
