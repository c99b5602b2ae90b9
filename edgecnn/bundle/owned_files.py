"""Which files of a bundle's folder edgecnn wrote: only these are ever replaced or removed.

The manifest's `files` has the SHA-256 of each file as it was written, its own too: that one is of its text
with zeros in the hash's place. In a bundle from before there were such lists everything counts as somebody's.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from edgecnn.bundle.manifest import FORMAT, MANIFEST
from edgecnn.bundle.manifest.writing import ZEROS, write_sealed
from edgecnn.io.moving import flush_file, flush_folder
from edgecnn.io.regular import open_regular, read_regular

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.bundle.manifest import Manifest

_KNOWN = re.compile(
    r"bundle\.json|labels\.txt|calibration\.txt|network\.keras|quantization\.md|CARD\.md"
    r"|(confusion|training|reliability|robustness)\.png"
)
_MODEL = re.compile(r"[\w.-]+\.tflite")
_MOST_BYTES = 64 << 20


def seal(folder: Path, manifest: Manifest) -> None:
    """Write a folder's manifest with the list of its files, and flush all of it to the disk."""
    names = sorted(p.name for p in folder.iterdir() if p.name != MANIFEST)
    write_sealed(folder, manifest, {name: _digest(folder / name) for name in names})
    for name in (*names, MANIFEST):
        flush_file(folder / name)
    flush_folder(folder)


def find_foreign(folder: Path) -> str | None:
    """Return what in a folder is not edgecnn's, as the end of a sentence that begins with the folder.

    None where there is nothing, an empty folder, or a bundle with nothing else in its folder. A file that
    was changed after edgecnn wrote it is somebody's. Raises OSError where it can't be read.
    """
    try:
        mode = folder.lstat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(mode):
        return "is a link" if stat.S_ISLNK(mode) else "is a file"
    return _find_foreign(folder, sorted(p.name for p in folder.iterdir()))


def _find_foreign(folder: Path, names: list[str]) -> str | None:
    if not names:
        return None
    first = f"holds {names[0]!r}"
    if MANIFEST not in names:
        return f"{first} and is no bundle"
    text, manifest = _read_manifest(folder)
    if manifest is None or not isinstance(manifest.get("files"), dict):
        return f"{first} and no {MANIFEST} that lists the files that edgecnn wrote"
    for name in names:
        if not stat.S_ISREG((folder / name).lstat().st_mode) or not _is_part(name, manifest):
            return f"holds {name!r}, which is no file of the bundle"
        if not _as_written(folder / name, text, manifest):
            return f"holds {name!r}, which was changed after edgecnn wrote it"
    return None


def names_of_parts(folder: Path) -> list[str]:
    """Return the names of a bundle's own files that are there; of an older bundle, those that it may have."""
    _, manifest = _read_manifest(folder)
    if manifest is None:
        return []
    if isinstance(files := manifest.get("files"), dict):
        return sorted(e.name for e in os.scandir(folder) if e.is_file() and e.name in files)
    variants = {v.get("file") for v in manifest["variants"].values() if isinstance(v, dict)}
    found = [e.name for e in os.scandir(folder) if e.is_file()]
    return sorted(name for name in found if name in variants or _KNOWN.fullmatch(name))


def remove_bundle(folder: Path) -> str | None:
    """Remove a bundle with its folder, or nothing; return what is foreign there, see `find_foreign`.

    The manifest goes last, so that what is left of a removal that was stopped can still be told.
    """
    # Only what was looked at is removed: another file may appear meanwhile.
    names = sorted(p.name for p in folder.iterdir())
    if reason := _find_foreign(folder, names):
        return reason
    for name in sorted(names, key=lambda name: name == MANIFEST):
        (folder / name).unlink()
    try:
        folder.rmdir()
    except OSError:
        return find_foreign(folder)
    return None


def remove_unfinished(folder: Path) -> None:
    """Remove the files of a bundle that was never finished, by their names; and the folder if it is empty."""
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if entry.is_file(follow_symlinks=False) and (
                _KNOWN.fullmatch(entry.name) or _MODEL.fullmatch(entry.name)
            ):
                os.unlink(entry)  # noqa: PTH108 - there is no Path
        folder.rmdir()


def _read_manifest(folder: Path) -> tuple[str, dict[str, Any] | None]:
    """Return a manifest's text and content; None where it is none."""
    try:
        text = read_regular(folder / MANIFEST, _MOST_BYTES, remember=False).decode("utf-8")
        found = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return "", None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        return text, None
    return text, found if isinstance(found.get("variants"), dict) else None


def _is_part(name: str, manifest: dict[str, Any]) -> bool:
    return name in manifest["files"]


def _as_written(path: Path, text: str, manifest: dict[str, Any]) -> bool:
    """Whether a file that belongs to a bundle is as it was written."""
    expected = manifest["files"][path.name]
    if path.name != MANIFEST:
        return bool(expected == _digest(path))
    if not isinstance(expected, str) or text.count(expected) != 1:
        return False
    return expected == hashlib.sha256(text.replace(expected, ZEROS).encode()).hexdigest()


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with open_regular(path, remember=False) as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()
