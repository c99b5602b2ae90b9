"""Where pictures come from: IDX files, a folder, or a zip archive. Lists them and reads one at a time."""

from __future__ import annotations

import gzip
import math
import os
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from edgecnn.errors import DataError
from edgecnn.image_file import EXTENSIONS, decode_image, read_image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from edgecnn_train.recipe import DataSpec

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
    """One picture: its id (unique in the source), its class, and its official split if there is one."""

    id: str
    label: int
    split: SplitName | None


class Source(Protocol):
    """A labelled set of pictures. `read` returns uint8 H×W (grey) or H×W×3 (BGR), or raises ImageError."""

    labels: tuple[str, ...]
    items: list[Item]

    def read(self, item: Item) -> NDArray[np.uint8]:
        """Read one picture."""
        ...


def find_data(spec: DataSpec, path: Path | None) -> tuple[Path, DataSpec]:
    """Return where a recipe's data lie, and what they are to be called.

    They are looked for at `path`, else as $EDGECNN_DATA/<name>, a folder or a zip archive. Data at a path of
    another name are not the recipe's own, so they get neither its name nor its licence. Raises DataError,
    saying where to get them.
    """
    if path is not None:
        given = path.resolve()
        name = given.stem if given.suffix.lower() == ".zip" else given.name
        return path, spec if name == spec.name else replace(spec, name=name, licence="not stated")
    root = os.environ.get("EDGECNN_DATA")
    if root and spec.name:
        for candidate in (Path(root) / spec.name, Path(root) / f"{spec.name}.zip"):
            if candidate.exists():
                return candidate, spec
    looked = f"{Path(root) / spec.name} ($EDGECNN_DATA)" if root else "$EDGECNN_DATA, which is not set"
    raise DataError(
        f"no data: looked in {looked}. They are {spec.where or 'yours to bring'}; "
        "say where they lie with --data PATH"
    )


def open_source(path: Path) -> Source:
    """Open what lies at `path`. Raises DataError with what was found instead."""
    if path.is_dir():
        if any(path.glob("*-images-idx3-ubyte*")):
            return IdxSource(path)
        return FolderSource(path)
    if path.is_file() and zipfile.is_zipfile(path):
        return ZipSource(path)
    if not path.exists():
        raise DataError(f"no data at {path}: give a folder, a zip archive, or a folder of IDX files")
    raise DataError(f"{path} is no folder, no zip archive and no folder of IDX files")


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
            split = _SPLIT_FOLDERS[parts[0].lower()] if official else None
            found.append(("/".join(parts), label, split))
    labels = tuple(sorted(classes))
    _check_classes(labels, {label for _, label, _ in found}, source)
    index = {label: i for i, label in enumerate(labels)}
    return labels, [Item(root + path, index[label], split) for path, label, split in found]


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
