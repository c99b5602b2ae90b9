"""Labelled images in folders; each folder that a link leads to is read once."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.dataset.items import MOST_ITEMS, Item, list_items
from edgecnn.errors import DataError
from edgecnn.image_file import read_image

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

_NAMED = 3
_Parts = tuple[str, ...]


class FolderSource:
    """`<class>/*` or `train|val|test/<class>/*`, images anywhere below the class's folder.

    Links to folders are followed, but no folder is read a second time: `notes` say which links were left.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        found = walk(folder)
        self.notes = (_left(folder, found.again),) if found.again else ()
        self.labels, self.items = list_items(found.files + found.empty, str(folder))

    def read(self, item: Item, least: int | None = None) -> NDArray[np.uint8]:
        """Read and decode the file."""
        return read_image(self._folder / item.id, least)


@dataclass(frozen=True, slots=True)
class Found:
    """What lies below a folder, as paths with / from there on, in order.

    `files` are files of any kind, `empty` folders without any, with a / at the end. `again` are links to
    folders that were read already; nothing behind them is in the lists.
    """

    files: list[str]
    empty: list[str]
    again: list[str]


def walk(folder: Path) -> Found:
    """List a folder with all below it.

    Folders come first, then those that links lead to, by the order of the links' names; of two links to one
    folder the first is followed. Raises DataError for a folder that can't be read, and for too many files.
    """
    files: dict[_Parts, list[str]] = {}
    seen: set[tuple[int, int]] = set()
    again: list[str] = []
    waiting: deque[tuple[Path, _Parts, bool]] = deque([(folder, (), False)])
    links: list[tuple[Path, _Parts, bool]] = []
    entered: set[_Parts] = set()
    count = 0
    while waiting or links:
        if not waiting:
            links.sort(key=lambda link: link[1])
            waiting.extend(links)
            links = []
        path, parts, by_link = waiting.popleft()
        try:
            # A folder's own subfolders can't lead back: only what lies behind a link is looked up.
            if _is_seen(path, seen) and by_link:
                again.append("/".join(parts))
                continue
            names, folders, linked = _list(path)
        except OSError as error:
            raise DataError(f"{path} can't be read: {error.strerror}") from error
        entered.add(parts)
        files[parts] = names
        waiting.extend((path / name, (*parts, name), by_link) for name in folders)
        links += [(path / name, (*parts, name), True) for name in linked]
        count += len(names) + len(folders) + len(linked)
        if count > MOST_ITEMS:
            raise DataError(f"{folder} has more than {MOST_ITEMS:,} files below it, the most that are read")
    filled = {parts[:-1] for parts in entered if parts}
    listed = ["/".join((*parts, name)) for parts in sorted(files) for name in files[parts]]
    empty = ["/".join(parts) + "/" for parts in sorted(files) if not files[parts] and parts not in filled]
    return Found(listed, [e for e in empty if e != "/"], sorted(again))


def _is_seen(path: Path, seen: set[tuple[int, int]]) -> bool:
    """Whether a folder was entered already, under whatever name; from now on it was."""
    status = path.stat()
    key = status.st_dev, status.st_ino
    if key in seen:
        return True
    seen.add(key)
    return False


def _list(path: Path) -> tuple[list[str], list[str], list[str]]:
    """Return the names of a folder's files, folders, and links to folders, each sorted."""
    files: list[str] = []
    folders: list[str] = []
    links: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            try:
                is_folder = entry.is_dir()
            except OSError:  # a link in a circle; whoever opens it says so
                is_folder = False
            (files if not is_folder else links if entry.is_symlink() else folders).append(entry.name)
            if len(files) > MOST_ITEMS:
                break
    return sorted(files), sorted(folders), sorted(links)


def _left(folder: Path, again: list[str]) -> str:
    some = ", ".join(again[:_NAMED]) + (" …" if len(again) > _NAMED else "")
    many = f"{len(again):,} links to folders that were" if len(again) > 1 else "a link to a folder that was"
    return f"{folder}: left out {many} read already: {some}"
