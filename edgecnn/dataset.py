"""Labelled pictures: a folder, a zip archive, a CSV manifest or IDX files. Reads one at a time."""

from __future__ import annotations

import csv
import gzip
import math
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from edgecnn.errors import DataError
from edgecnn.image_file import EXTENSIONS, decode_image, read_image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

SplitName = Literal["train", "validation", "test"]
_SPLIT_FOLDERS: dict[str, SplitName] = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test",
}  # fmt: skip
_IDX_NAMES: dict[SplitName, str] = {"train": "train", "test": "t10k"}
# Data sets whose IDX files carry numbers only.
_IDX_LABELS = {
    "mnist": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    "fashion_mnist": [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """One picture: its id (unique in the source), its class, its official split and its group if it has one.

    Pictures of one group belong together, such as the frames of one recording: no two splits share a group.
    """

    id: str
    label: int
    split: SplitName | None
    group: str | None = None


class Source(Protocol):
    """A labelled set of pictures. `read` returns uint8 H×W (grey) or H×W×3 (BGR), or raises ImageError."""

    labels: tuple[str, ...]
    items: list[Item]

    def read(self, item: Item) -> NDArray[np.uint8]:
        """Read one picture."""
        ...


def find_data(name: str, path: Path | None, where: str = "") -> Path:
    """Return where a data set lies: `path`, else $EDGECNN_DATA/<name>, a folder, a zip or a CSV manifest.

    `where` tells people where to get it. Raises DataError.
    """
    if path is not None:
        return path
    root = os.environ.get("EDGECNN_DATA")
    if root and name:
        for suffix in ("", ".zip", ".csv"):
            candidate = Path(root) / f"{name}{suffix}"
            if candidate.exists():
                return candidate
    looked = f"{Path(root) / name} ($EDGECNN_DATA)" if root else "$EDGECNN_DATA, which is not set"
    raise DataError(
        f"no data: looked in {looked}. They are {where or 'yours to bring'}; "
        "say where they lie with --data PATH"
    )


def locate(text: str) -> Path:
    """Return where the data lie that a user names: by a data set's name in $EDGECNN_DATA, or by a path.

    The name goes first: beside where people train there is a bundle of the same name. Raises DataError.
    """
    path = Path(text)
    if path.name == text and not path.suffix:
        try:
            return find_data(text, None)
        except DataError:
            if not path.exists():
                raise
    return path


def data_name(path: Path) -> str:
    """Return what data at a path are called: as the folder, or as the file without its ending."""
    whole = path.resolve()
    return whole.stem if whole.suffix.lower() in (".zip", ".csv") else whole.name


def open_source(path: Path) -> Source:
    """Open what lies at `path`. Raises DataError with what was found instead."""
    if path.is_dir():
        if any(path.glob("*-images-idx3-ubyte*")):
            return IdxSource(path)
        return FolderSource(path)
    if path.is_file() and zipfile.is_zipfile(path):
        return ZipSource(path)
    if path.is_file() and path.suffix.lower() == ".csv":
        return ManifestSource(path)
    expected = "a folder, a zip archive, a CSV manifest, or a folder of IDX files"
    if not path.exists():
        raise DataError(f"no data at {path}: give {expected}")
    raise DataError(f"{path} is none of these: {expected}")


class IdxSource:
    """The IDX files of MNIST and its relatives, `.gz` or not (http://yann.lecun.com/exdb/mnist/)."""

    def __init__(self, folder: Path) -> None:
        self.items: list[Item] = []
        self._images: dict[str, NDArray[np.uint8]] = {}
        highest = 0
        for split, prefix in _IDX_NAMES.items():
            images = _read_idx(folder, f"{prefix}-images-idx3-ubyte", 3)
            labels = _read_idx(folder, f"{prefix}-labels-idx1-ubyte", 1)
            if len(images) != len(labels) or not len(images):
                raise DataError(f"{folder}: {prefix} has {len(images)} images and {len(labels)} labels")
            self._images[prefix] = images
            self.items += [Item(f"{prefix}/{i}", int(label), split) for i, label in enumerate(labels)]
            highest = max(highest, int(labels.max()))
        names = _IDX_LABELS.get(folder.resolve().name, [])
        self.labels = tuple(names if len(names) > highest else map(str, range(highest + 1)))

    def read(self, item: Item) -> NDArray[np.uint8]:
        """Return the grey picture, H×W."""
        prefix, _, index = item.id.partition("/")
        picture: NDArray[np.uint8] = self._images[prefix][int(index)]
        return picture


class FolderSource:
    """`<class>/*` or `train|val|test/<class>/*`, pictures anywhere below the class's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        files, empty = [], []
        for root, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
            folders.sort()
            here = Path(root).relative_to(folder)
            files += [(here / n).as_posix() for n in sorted(names)]
            if not names and not folders:
                empty.append(here.as_posix() + "/")
        self.labels, self.items = _list_items(files + empty, str(folder))

    def read(self, item: Item) -> NDArray[np.uint8]:
        """Read and decode the file."""
        return read_image(self._folder / item.id)


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename} can't be read: {error.strerror}") from error


class ZipSource:
    """The layout of a folder inside a zip archive, which is never unpacked."""

    def __init__(self, path: Path) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise DataError(f"{path} is a damaged zip archive: {error}") from error
        self._path = path
        self.labels, self.items = _list_items(sorted(self._archive.namelist()), str(path))

    def read(self, item: Item) -> NDArray[np.uint8]:
        """Read and decode the member."""
        try:
            data = self._archive.read(item.id)
        except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError) as error:  # RuntimeError: encrypted
            raise DataError(f"{self._path}: {item.id} can't be unpacked: {error}") from error
        return decode_image(data, f"{self._path}:{item.id}")


class ManifestSource:
    """A CSV file with the columns `path,label` and, if wanted, `split` and `group`, in any order.

    Paths are relative to the file's folder. An empty split is drawn like those of pictures without one.
    """

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        rows = _read_rows(path)
        self.labels = tuple(sorted({row["label"] for row in rows}))
        _check_classes(self.labels, set(self.labels), str(path))
        index = {label: i for i, label in enumerate(self.labels)}
        self.items = [
            Item(
                row["path"],
                index[row["label"]],
                _split_of(row.get("split", ""), path),
                row.get("group") or None,
            )
            for row in rows
        ]

    def read(self, item: Item) -> NDArray[np.uint8]:
        """Read and decode the file."""
        return read_image(self._folder / item.id)


def _read_rows(path: Path) -> list[dict[str, str]]:
    """Read the manifest's rows, each with a path and a label."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            columns = [(c or "").strip().lower() for c in reader.fieldnames or []]
            if missing := {"path", "label"} - set(columns):
                raise DataError(
                    f"{path} has no column {sorted(missing)[0]!r}: its first line must be "
                    "path,label with split and group where wanted"
                )
            reader.fieldnames = columns
            rows = [{k: v.strip() for k, v in row.items() if k and isinstance(v, str)} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} can't be read as CSV: {error}") from error
    seen: set[str] = set()
    for line, row in enumerate(rows, 2):
        if not (row["path"] and row["label"]):
            raise DataError(f"{path}: row {line} has no {'label' if row['path'] else 'path'}")
        if row["path"] in seen:
            raise DataError(f"{path}: row {line} names {row['path']} a second time")
        seen.add(row["path"])
    return rows


def _split_of(name: str, path: Path) -> SplitName | None:
    if name and name.lower() not in _SPLIT_FOLDERS:
        raise DataError(f"{path}: the split {name!r} is unknown, expected train, val or test")
    return _SPLIT_FOLDERS[name.lower()] if name else None


def _list_items(names: Iterable[str], source: str) -> tuple[tuple[str, ...], list[Item]]:
    """Find classes and splits in paths; a path that ends in / is a folder."""
    visible = [n for n in names if not any(x.startswith((".", "__MACOSX")) for x in n.split("/"))]
    root = _common_folder(visible)
    split_at = [n[len(root) :].split("/") for n in visible if n != root]
    tops = {parts[0] for parts in split_at if len(parts) > 1}
    splits = {t for t in tops if t.lower() in _SPLIT_FOLDERS}
    official = "train" in {_SPLIT_FOLDERS[t.lower()] for t in splits}
    if official and splits != tops:
        raise DataError(
            f"{source}: {sorted(tops - splits)[0]!r} stands beside {', '.join(sorted(splits))}: "
            "expected either folders of classes, or train, val and test with the classes inside"
        )
    depth = 1 if official else 0
    classes: set[str] = set()
    found: list[tuple[str, str, SplitName | None]] = []
    for parts in split_at:
        if len(parts) < depth + 2:
            continue
        label = parts[depth]
        classes.add(label)
        if PurePosixPath(parts[-1]).suffix.lower() in EXTENSIONS:
            _check_name("/".join(parts), source)
            split = _SPLIT_FOLDERS[parts[0].lower()] if official else None
            found.append(("/".join(parts), label, split))
    labels = tuple(sorted(classes))
    _check_classes(labels, {label for _, label, _ in found}, source)
    index = {label: i for i, label in enumerate(labels)}
    return labels, [Item(root + path, index[label], split) for path, label, split in found]


def _check_name(path: str, source: str) -> None:
    """Raise DataError for a name in another encoding, as old archives have them: no report can show it."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{source}: the name of {path!r} is not UTF-8: rename it (convmv can)") from error


def _common_folder(names: list[str]) -> str:
    """Return the one folder that wraps everything, as archives often have it, or an empty text."""
    tops = {n.partition("/")[0] for n in names}
    if len(tops) != 1 or {t.lower() for t in tops} <= set(_SPLIT_FOLDERS):
        return ""
    top = tops.pop() + "/"
    deeper = [n for n in names if n.startswith(top) and "/" in n[len(top) :].rstrip("/")]
    return top if deeper else ""


def _check_classes(labels: tuple[str, ...], filled: set[str], source: str) -> None:
    if len(labels) < 2:
        found = f"only {labels[0]!r}" if labels else "none"
        raise DataError(
            f"{source}: expected a folder of pictures for each of two or more classes, found {found}"
        )
    for label in labels:
        if not label.isprintable():
            raise DataError(
                f"{source}: the class {label!r} has a name that can't be printed: rename its folder"
            )
    if empty := [label for label in labels if label not in filled]:
        raise DataError(
            f"{source}: the class {empty[0]!r} has no picture ({', '.join(sorted(EXTENSIONS))}): "
            "add some or remove its folder"
        )


def _read_idx(folder: Path, stem: str, dimensions: int) -> NDArray[np.uint8]:
    """Read one IDX file of bytes with that many dimensions."""
    path = next((p for p in (folder / stem, folder / f"{stem}.gz") if p.is_file()), None)
    if path is None:
        raise DataError(f"{folder} has no {stem} or {stem}.gz")
    try:
        raw = path.read_bytes()
        data = gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged or cut off: {error}") from error
    header = 4 + 4 * dimensions
    shape = tuple(int.from_bytes(data[k : k + 4], "big") for k in range(4, header, 4))
    if data[:4] != bytes([0, 0, 8, dimensions]) or len(data) != header + math.prod(shape):
        raise DataError(f"{path} is no IDX file of {dimensions} dimensions, or it is cut off")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
