"""Lists the files below a folder, each folder and file once, even behind links.

Hidden files, junk files of operating systems, and edgecnn's own output are left out.
"""

from __future__ import annotations

import json
import os
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.bundle.manifest import MANIFEST
from edgecnn.errors import DataError
from edgecnn.image.names import PEEK_BYTES, is_junk
from edgecnn.io.moving import MARK
from edgecnn.io.regular import open_regular, read_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

# Files or rows: ImageNet has 1.4 million. Each takes some hundred bytes of memory.
MOST_ITEMS = 2_000_000
_MOST_MANIFEST = 16 << 20
# TensorBoard's logs have no mark file.
_LOG = "events.out.tfevents."
_NAMED = 3
_Parts = tuple[str, ...]
_Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The content of a folder, as relative paths with /, in order.

    `files` are files of any kind, `empty` folders without files, ending with /. `again` are links to folders
    and files that are listed already, `own` folders that edgecnn wrote; the lists contain nothing below them.
    """

    files: list[str]
    empty: list[str]
    again: list[str]
    own: list[str]

    def notes(self, where: str) -> Iterator[str]:
        """Return notes on what was left out, one line each, with a few names."""
        if self.again:
            many = f"{len(self.again):,} links to what was" if len(self.again) > 1 else "a link to what was"
            yield f"{where}: left out {many} read already: {_some(self.again)}"
        if self.own:
            yield f"{where}: left out edgecnn's own output: {_some(self.own)}"


@dataclass(slots=True)
class _Listing:
    files: list[str]
    folders: list[str]
    folder_links: list[str]
    file_links: list[str]


def walk(folder: Path, own: Iterable[Path] = ()) -> FolderListing:
    """List a folder recursively.

    Folders come first, then the targets of links, in the order of the links' names; of two links to the same
    folder or file, the first is followed. Raises DataError for a folder that can't be read, and for too many
    files.

    Parameters
    ----------
    own
        Folders that edgecnn is about to write, which are left out.
    """
    left_out = {os.path.realpath(path) for path in own}
    files: dict[_Parts, list[str]] = {}
    places: dict[_Key, _Parts] = {}
    again: list[str] = []
    waiting: deque[tuple[str, _Parts, bool]] = deque([(os.fspath(folder), (), False)])
    links: list[tuple[str, _Parts, bool]] = []
    file_links: list[tuple[str, _Parts]] = []
    entered: set[_Parts] = set()
    removed: set[_Parts] = set()
    count = 0
    while waiting or links:
        if not waiting:
            links.sort(key=lambda link: link[1])
            waiting.extend(links)
            links = []
        path, parts, by_link = waiting.popleft()
        try:
            status = os.stat(path)  # noqa: PTH116 - a path object for each of millions is slow
            # Subfolders can't lead back: only targets of links are looked up.
            if places.setdefault((status.st_dev, status.st_ino), parts) != parts and by_link:
                again.append("/".join(parts))
                continue
            found = _list(path)
        except OSError as error:
            raise DataError(f"{path} can't be read: {error.strerror}") from error
        if parts and (_is_own(path, found) or (left_out and os.path.realpath(path) in left_out)):
            removed.add(parts)
            continue
        entered.add(parts)
        files[parts] = found.files
        waiting.extend((f"{path}/{name}", (*parts, name), by_link) for name in found.folders)
        links += [(f"{path}/{name}", (*parts, name), True) for name in found.folder_links]
        file_links += [(path, (*parts, name)) for name in found.file_links]
        count += len(found.files) + len(found.folders) + len(found.folder_links) + len(found.file_links)
        if count > MOST_ITEMS:
            raise DataError(f"{folder} has more than {MOST_ITEMS:,} files below it, the most that are read")
    again += _add_links(file_links, files, places)
    filled = {parts[:-1] for parts in entered if parts}
    # A folder with nothing but edgecnn's output does not count as empty.
    filled |= {parts[:length] for parts in removed for length in range(len(parts))}
    listed = ["/".join((*parts, name)) for parts in sorted(files) for name in files[parts]]
    empty = ["/".join(parts) + "/" for parts in sorted(files) if not files[parts] and parts not in filled]
    own_names = sorted("/".join(parts) for parts in removed)
    return FolderListing(listed, [e for e in empty if e != "/"], sorted(again), own_names)


def _add_links(
    links: list[tuple[str, _Parts]], files: dict[_Parts, list[str]], places: dict[_Key, _Parts]
) -> list[str]:
    """Add links to files, unless the file is listed already; return those that were not added."""
    again = []
    seen: set[str] = set()
    known = {parts: set(names) for parts, names in files.items()} if links else {}
    touched: set[_Parts] = set()
    for path, (*above, name) in sorted(links, key=lambda link: link[1]):
        parts = tuple(above)
        real = os.path.realpath(f"{path}/{name}")
        head, tail = os.path.split(real)
        try:
            status = os.stat(head)  # noqa: PTH116 - next to realpath
            place = places.get((status.st_dev, status.st_ino))
        except OSError:  # opening the link reports it
            place = None
        if real in seen or (place is not None and tail in known.get(place, ())):
            again.append("/".join((*parts, name)))
            continue
        seen.add(real)
        files[parts].append(name)
        touched.add(parts)
    for parts in touched:
        files[parts].sort()
    return again


def _list(path: str) -> _Listing:
    """Return the names of a folder's files, folders, and links to each, sorted, without junk."""
    found = _Listing([], [], [], [])
    with os.scandir(path) as entries:
        for entry in entries:
            if is_junk(entry.name):
                continue
            try:
                is_folder = entry.is_dir()
            except OSError:  # a circular link; opening it reports that
                is_folder = False
            linked = entry.is_symlink()
            if is_folder:
                (found.folder_links if linked else found.folders).append(entry.name)
            else:
                (found.file_links if linked else found.files).append(entry.name)
            if len(found.files) + len(found.file_links) > MOST_ITEMS:
                break
    for names in (found.files, found.folders, found.folder_links, found.file_links):
        names.sort()
    return found


def _is_own(path: str, found: _Listing) -> bool:
    """Whether edgecnn wrote a folder: a bundle, checkpoints, or logs for TensorBoard."""
    if MARK in found.files:
        return True
    if found.files and all(name.startswith(_LOG) for name in found.files):
        return True
    if MANIFEST not in found.files:
        return False
    try:
        manifest = json.loads(read_regular(f"{path}/{MANIFEST}", _MOST_MANIFEST, remember=False))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(manifest, dict) and {"format", "labels", "variants"} <= manifest.keys()


def peek(path: str) -> bytes:
    """Return a file's first bytes; empty where it can't be read."""
    try:
        with open_regular(path, remember=False) as file:
            return file.read(PEEK_BYTES)
    except OSError:
        return b""


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
