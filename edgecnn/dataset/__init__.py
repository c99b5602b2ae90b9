"""Labelled images in a folder, zip archive, CSV manifest or IDX files, read one at a time.

`items.py` defines sources and finds classes in paths; each kind of source has its own file.
"""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.dataset.archive import ZipSource
from edgecnn.dataset.folder import FolderSource
from edgecnn.dataset.idx import IdxSource
from edgecnn.dataset.items import Item, Source, SplitName, recording_of
from edgecnn.dataset.layout import LayoutName
from edgecnn.dataset.manifest import ManifestSource
from edgecnn.errors import DataError
from edgecnn.io.nearby import did_you_mean
from edgecnn.io.regular import open_regular
from edgecnn.io.unicode_form import plain_name

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "DATA_SUFFIXES",
    "Item",
    "LayoutName",
    "Source",
    "SplitName",
    "data_name",
    "default_name",
    "duplicates",
    "find_data",
    "folds",
    "foreign_files",
    "left_out",
    "locate",
    "open_source",
    "recording_of",
]

# Endings of datasets that are a single file.
DATA_SUFFIXES = (".zip", ".csv")
_EXPECTED = "a folder, a zip archive, a CSV manifest, or a folder of IDX files"


def find_data(name: str, path: Path | None, where: str = "") -> Path:
    """Return a dataset's path: `path`, else $EDGECNN_DATA/<name>, a folder, a zip or a CSV manifest.

    `where` says in the error where to get it. Raises DataError.
    """
    if path is not None:
        return path
    root = os.environ.get("EDGECNN_DATA")
    if root and name:
        for suffix in ("", *DATA_SUFFIXES):
            candidate = Path(root) / f"{name}{suffix}"
            if _is_there(candidate):
                return candidate
    looked = f"{Path(root) / name} ($EDGECNN_DATA)" if root else "$EDGECNN_DATA, which is not set"
    raise DataError(
        f"no data: looked in {looked}. Expected {where or 'your own images'}; give the path with --data PATH"
    )


def locate(text: str) -> Path:
    """Return the path of data that the user names: by a dataset's name in $EDGECNN_DATA, or by a path.

    The name has priority, because training puts a bundle of the same name into the current folder. Raises
    DataError.
    """
    path = Path(text)
    if path.name == text and not path.suffix:
        try:
            return find_data(text, None)
        except DataError:
            if not _is_there(path):
                raise DataError(
                    f"no data called {text}: no file or folder has that name here or in "
                    f"$EDGECNN_DATA{'' if os.environ.get('EDGECNN_DATA') else ', which is not set'}: "
                    f"give {_EXPECTED}{did_you_mean(path)}"
                ) from None
    return path


def data_name(path: Path) -> str:
    """Return the name of the data at a path: the folder's name, or the file's without its ending."""
    whole = Path(os.path.realpath(path))  # pathlib's raises for circular links
    return plain_name(whole.stem if whole.suffix.lower() in DATA_SUFFIXES else whole.name)


def default_name(path: Path) -> str:
    """Return the name of the bundle that is made of a folder of photos: `photos-model`."""
    name = re.sub(r"[^\w-]+", "-", data_name(path)).strip("-").lower() or "photos"
    return f"{name}-model"


def open_source(path: Path, layout: LayoutName = "auto", own: Iterable[Path] = ()) -> Source:
    """Open the data at `path`. Raises DataError with what was found instead.

    Parameters
    ----------
    layout
        The layout of a folder or archive: `splits` with classes inside, `classes`, or `auto`.
    own
        Folders that edgecnn is about to write, which are not classes.
    """
    try:
        if os.path.isdir(path):  # noqa: PTH112 - pathlib's raises where a folder may not be entered
            return (
                IdxSource(path) if any(path.glob("*-images-idx3-ubyte*")) else FolderSource(path, layout, own)
            )
        if not _is_there(path):
            raise DataError(f"no data at {path}: give {_EXPECTED}{did_you_mean(path)}")
        with open_regular(path) as file:
            packed = zipfile.is_zipfile(file)
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}; give {_EXPECTED}") from error
    if packed:
        return ZipSource(path, layout)
    if path.suffix.lower() == ".csv":
        return ManifestSource(path)
    if path.suffix.lower() == ".zip":
        raise DataError(f"{path} is not a zip archive, or it is truncated: copy it again, or give another")
    raise DataError(f"{path} is none of these: {_EXPECTED}")


def left_out(source: Source) -> tuple[str, ...]:
    """Return notes on how a source was read and what it left out, one line each."""
    return source.notes if isinstance(source, FolderSource | ZipSource) else ()


def foreign_files(source: Source) -> dict[str, list[str]]:
    """Return the files of unsupported image formats in a source, by their kind."""
    return source.foreign if isinstance(source, FolderSource | ZipSource) else {}


def _is_there(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - pathlib's raises where a folder may not be entered
