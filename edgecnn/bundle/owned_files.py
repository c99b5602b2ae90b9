"""The files of a bundle's folder that edgecnn wrote: only these are ever replaced or removed.

The manifest's `files` has the SHA-256 of each file as it was written, and its own: that of its text with
zeros in the hash's place. In an older bundle, without such a list, every file counts as the user's.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from edgecnn.bundle.manifest import FORMAT, MANIFEST
from edgecnn.bundle.manifest.writing import ZEROS, write_sealed
from edgecnn.io.moving import flush_file, flush_folder
from edgecnn.io.regular import open_regular, read_regular

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edgecnn.bundle.manifest import Manifest

_KNOWN = re.compile(
    r"bundle\.json|labels\.txt|calibration\.txt|network\.keras|quantization\.md|CARD\.md"
    r"|(confusion|training|reliability|robustness)\.png"
)
_MODEL = re.compile(r"[\w.-]+\.tflite")
_MOST_BYTES = 64 << 20


def seal(folder: Path, manifest: Manifest) -> None:
    """Write a folder's manifest with the list of its files, and flush all files to the disk."""
    names = sorted(p.name for p in folder.iterdir() if p.name != MANIFEST)
    write_sealed(folder, manifest, {name: _digest(folder / name) for name in names})
    for name in (*names, MANIFEST):
        flush_file(folder / name)
    flush_folder(folder)


def find_unowned(folder: Path) -> str | None:
    """Return what in a folder edgecnn did not write, as the end of a sentence that begins with the folder.

    None if the folder is missing, empty, or has only a bundle. A file that was changed after edgecnn wrote it
    is the user's. Raises OSError if the folder can't be read.
    """
    try:
        mode = folder.lstat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(mode):
        return "is a link" if stat.S_ISLNK(mode) else "is a file"
    return _find_unowned(folder, sorted(p.name for p in folder.iterdir()))


def _find_unowned(folder: Path, names: list[str]) -> str | None:
    if not names:
        return None
    first = f"holds {names[0]!r}"
    if MANIFEST not in names:
        return f"{first} and is no bundle"
    known = _read_list(folder)
    if known is None or known.files is None:
        return f"{first} and no {MANIFEST} that lists the files that edgecnn wrote"
    for name in names:
        if not stat.S_ISREG((folder / name).lstat().st_mode) or name not in known.files:
            return f"holds {name!r}, which is no file of the bundle"
        if not _as_written(folder / name, known.text, known.files[name]):
            return f"holds {name!r}, which was changed after edgecnn wrote it"
    return None


def names_of_parts(folder: Path) -> list[str]:
    """Return the names of a bundle's own files that exist; of an older bundle, those that it may have."""
    known = _read_list(folder)
    if known is None:
        return []
    found = sorted(e.name for e in os.scandir(folder) if e.is_file())
    if known.files is not None:
        return [name for name in found if name in known.files]
    return [name for name in found if name in known.models or _KNOWN.fullmatch(name)]


def remove_bundle(folder: Path) -> str | None:
    """Remove a bundle with its folder, or nothing; return what edgecnn did not write, see `find_unowned`.

    The manifest is removed last, so that after an interrupted removal the remaining files are still known.
    """
    # Only checked files are removed: another one may appear meanwhile.
    names = sorted(p.name for p in folder.iterdir())
    if reason := _find_unowned(folder, names):
        return reason
    for name in sorted(names, key=lambda name: name == MANIFEST):
        (folder / name).unlink()
    try:
        folder.rmdir()
    except OSError:
        return find_unowned(folder)
    return None


def remove_unfinished(folder: Path) -> None:
    """Remove the files of an unfinished bundle, by their names, and the folder if it is empty then."""
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if entry.is_file(follow_symlinks=False) and (
                _KNOWN.fullmatch(entry.name) or _MODEL.fullmatch(entry.name)
            ):
                os.unlink(entry)  # noqa: PTH108 - there is no Path
        folder.rmdir()


class _FileList(NamedTuple):
    """The files that a manifest lists, unchecked: anyone may have written it.

    `text` is the manifest's, `files` its table of hashes (None in an older bundle), `models` the values of
    `file` of its variants.
    """

    text: str
    files: Mapping[str, Any] | None
    models: list[Any]


def _read_list(folder: Path) -> _FileList | None:
    """Read the list of a folder's manifest; None if it has no manifest of this format."""
    try:
        text = read_regular(folder / MANIFEST, _MOST_BYTES, remember=False).decode("utf-8")
        found = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return None
    match found:
        case {"format": form, "variants": dict(variants)} if form == FORMAT:
            files = found.get("files")
            models = [v.get("file") for v in variants.values() if isinstance(v, dict)]
            return _FileList(text, files if isinstance(files, dict) else None, models)
    return None


def _as_written(path: Path, text: str, expected: Any) -> bool:
    """Whether a file has the expected hash; `text` is that of its bundle's manifest."""
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
