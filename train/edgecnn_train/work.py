"""The folder of a training's checkpoints and notes, `<out>.training`, until its bundle is written.

A file in it marks it as edgecnn's. Only files that training writes are ever replaced or removed.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from edgecnn.errors import OutputError
from edgecnn.io.moving import MARK
from edgecnn.io.regular import read_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FILES = re.compile(
    r"(last|best)-\d+\.npz|(state|width|top1)\.json|state\.json\.new|\.(width|top1)\.json\.edgecnn-[0-9a-f]{16}"
)
_FOLDERS = re.compile(r"fold-\d+|all|qat")
_MOST_BYTES = 64 << 20


def work_folder(bundle: Path) -> Path:
    """Return the folder of a bundle's checkpoints until it is written."""
    return bundle.with_name(f"{bundle.name}.training")


def check_work(folder: Path, hint: str) -> None:
    """Raise OutputError where checkpoints can't go into a folder, because it has files of the user.

    Parameters
    ----------
    hint
        How the message ends: what to type instead.
    """
    what = ""
    try:
        if folder.is_dir():
            foreign = _foreign(folder)
            what = f"it has {foreign!r} in it" if foreign else ""
        elif folder.is_symlink():
            what = "it is a link that leads to no folder"
        elif folder.exists():
            what = "it is a file"
    except OSError as error:
        raise OutputError(f"{folder} can't be read: {error.strerror}: {hint}") from error
    if what:
        raise OutputError(f"{folder} is where checkpoints go, but {what}: {hint}, or move it away")


@contextmanager
def working(folder: Path) -> Iterator[Path]:
    """Make and mark a folder for checkpoints; it is removed at the end if there are none in it.

    An empty folder that was there before stays. Raises OutputError.
    """
    mark = folder / MARK
    try:
        made = not folder.is_dir() or mark.exists()
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError as error:
        raise OutputError(f"{folder} can't be written to: {error.strerror}") from error
    try:
        yield folder
    finally:
        with suppress(OSError):
            if list(folder.iterdir()) == [mark]:
                mark.unlink()
                if made:
                    folder.rmdir()


def clear_work(folder: Path) -> None:
    """Remove checkpoints and notes from a folder that `working` gave."""
    inner = [p for p in _entries(folder) if _is_own_folder(p)]
    deeper = [q for p in inner for q in _entries(p) if _is_own_folder(q)]
    for place in (*deeper, *inner, folder):
        for path in _entries(place):
            if _FILES.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                with suppress(OSError):
                    path.unlink()
        if place != folder:
            with suppress(OSError):
                place.rmdir()


def _foreign(folder: Path) -> str | None:
    """Return the name of a file in a folder that training did not write."""
    paths = _entries(folder)
    names = [p.name for p in paths]
    for path in paths:
        own = _is_own_folder(path) or (_FILES.fullmatch(path.name) and path.is_file())
        if not (own or path.name == MARK) or path.is_symlink():
            return path.name
    if not names or MARK in names:
        return None
    # Folders from before have no mark, but a state that no other program writes.
    return None if any(_is_old_state(folder / name) for name in ("state.json", "width.json")) else names[0]


def _is_own_folder(path: Path) -> bool:
    return bool(_FOLDERS.fullmatch(path.name)) and path.is_dir() and not path.is_symlink()


def _is_old_state(path: Path) -> bool:
    try:
        found = json.loads(read_regular(path, _MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and set(found) in ({"fingerprint", "history"}, {"key", "value"})


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
