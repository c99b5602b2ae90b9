"""Where removed photos and classes go, and how files move between folders: nothing is lost on the way."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from itertools import chain
from typing import TYPE_CHECKING

from edgecnn.errors import ImageNotFound
from edgecnn.io.atomic import write_new
from edgecnn.io.moving import flush_folder, free_name, move_new, move_to_free
from edgecnn.io.regular import read_regular
from edgecnn.teaching.listing import writing
from edgecnn.teaching.names import is_class

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRASH = ".trash"


def open_trash(folder: Path, label: str) -> Path:
    """Return the folder for a class's removed photos, which is made if it is missing. Raises OutputError."""
    trash = folder / TRASH / label
    with writing(trash):
        trash.parent.mkdir(exist_ok=True)
        if trash.is_symlink():  # a removed class: what is behind it is not ours
            move_to_free(trash, trash)
        trash.mkdir(exist_ok=True)
    return trash


def save_removed(folder: Path, label: str, data: bytes, name: str) -> None:
    """Write a photo of a class that was removed meanwhile into the trash. Raises OutputError."""
    trash = open_trash(folder, label)
    with writing(trash):
        write_new(trash / name, data)


def find_removed(folder: Path, photo: str) -> Path:
    """Return where a removed photo is. Raises ImageNotFound for one that is not in the trash."""
    label, _, name = photo.partition("/")
    trash = folder / TRASH / label
    source = trash / name
    # os.path's answers False where a name is too long.
    if "/" in name or not is_class(label) or os.path.islink(trash) or not os.path.isfile(source):  # noqa: PTH113, PTH114
        raise ImageNotFound(f"there is no photo {photo[:80]!r} in the trash")
    return source


def retire(folder: Path, label: str) -> None:
    """Move the folder of a class without photos away; it may hold files of the user. Raises OutputError.

    Of a link, the link alone is moved; the files behind it stay.
    """
    place, trash = folder / label, folder / TRASH
    with writing(trash):
        if place.is_symlink():
            trash.mkdir(exist_ok=True)
            _move_link(place, trash / label)
        else:
            try:
                place.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                trash.mkdir(exist_ok=True)
                move_into(place, trash)
        flush_folder(folder)


def _move_link(link: Path, wanted: Path) -> Path:
    """Move a link under a name that is free, so that it leads there still; return its path."""
    target = os.path.abspath(link.parent / link.readlink())  # noqa: PTH100 - pathlib's keeps `..`
    for free in chain([wanted], free_name(wanted, is_folder=link.is_dir())):
        with suppress(FileExistsError):
            free.symlink_to(target)
            link.unlink()
            return free
    raise FileExistsError(errno.EEXIST, "too many names are taken", str(wanted))


def move_into(source: Path, folder: Path) -> Path:
    """Move a file into a folder under a name that is free, also to another disk; return its path.

    A link leads to the same file still.
    """
    target = folder / source.name
    if source.is_symlink():
        return _move_link(source, target)
    try:
        try:
            move_new(source, target)
        except FileExistsError:
            target = move_to_free(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        target = copy_photo(source, folder)
        source.unlink()
    return target


def copy_photo(source: Path, folder: Path) -> Path:
    """Copy a file into a folder under a name that is free; return the copy's path."""
    return write_new(folder / source.name, read_regular(source))


@contextmanager
def unless_removed(source: Path) -> Iterator[None]:
    """Ignore that a file can't be moved because another program removed it."""
    try:
        yield
    except FileNotFoundError:
        if os.path.lexists(source):
            raise
