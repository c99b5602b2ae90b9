"""Finds bundles by name on the search path, and model files by path; some bundles are made when needed."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

from edgecnn.bundle.manifest import MANIFEST
from edgecnn.errors import ModelNotFound
from edgecnn.io.cache import cache_folder
from edgecnn.io.nearby import did_you_mean, nearest

# Bundles that are made on this machine the first time that they are named, and who makes them.
MADE = dict.fromkeys(
    (
        "efficientnet_lite0", "efficientnet_lite0_192", "efficientnet_lite0_160", "efficientnet_lite0_128"
    ),
    "edgecnn.learning.pretrained:make_pretrained",
)  # fmt: skip


def search_path() -> list[Path]:
    """Return the folders that contain bundles: $EDGECNN_MODELS, the installed ones, the repository's."""
    package = Path(__file__).parent.parent
    folders = [package / "firmware_models", package.parent / "firmware_models"]
    if made := made_folder():
        folders.append(made)
    if custom := os.environ.get("EDGECNN_MODELS"):
        folders.insert(0, Path(custom))
    return [f for f in folders if os.path.isdir(f)]  # noqa: PTH112 - pathlib's raises without permission


def made_folder() -> Path | None:
    """Return the folder of bundles that are made here when they are needed; None without a home."""
    folder = cache_folder()
    return folder / "models" if folder else None


def bundle_folders() -> list[Path]:
    """Return the folder of every bundle on the search path, readable or not, the first of each name."""
    return look_for_bundles()[0]


def look_for_bundles() -> tuple[list[Path], list[str]]:
    """Return the folders of bundles, sorted by name, and a line for each folder that can't be read."""
    found: dict[str, Path] = {}
    reasons = []
    for folder in search_path():
        try:
            names = os.listdir(folder)  # noqa: PTH208
        except OSError as error:
            reasons.append(f"{folder} can't be read: {error.strerror}")
            continue
        for name in names:
            # A hidden folder is a bundle that is being written, or an interrupted write.
            if not name.startswith(".") and _holds_manifest(folder / name):
                found.setdefault(name, folder / name)
    return [found[name] for name in sorted(found)], reasons


def make(name: str) -> Path:
    """Make a bundle of `MADE`, also where there is one; return its folder."""
    module, _, function = MADE[name].partition(":")
    made: Path = getattr(importlib.import_module(module), function)(name)
    return made


def _holds_manifest(folder: Path) -> bool:
    """Whether a folder has a manifest of any kind, or may have one that can't be seen."""
    try:
        os.lstat(folder / MANIFEST)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the folder of a bundle, or the path of a bare `.tflite`.

    Raises
    ------
    ModelNotFound
        If there is neither; the message names the known bundles.
    """
    text = os.fspath(name_or_path)
    path = Path(text)
    # A name means the installed bundle, even if a folder here has the same name.
    if text and "/" not in text and os.sep not in text and text not in (".", ".."):
        for folder in search_path():
            if os.path.isfile(folder / text / MANIFEST):  # noqa: PTH113 - pathlib's raise
                return folder / text
        if text in MADE:
            return make(text)
    if os.path.isfile(path / MANIFEST) or os.path.isfile(path):  # noqa: PTH113 - pathlib's raise
        return path
    if os.path.isdir(path):  # noqa: PTH112
        made = Path(f"{path}-model")  # what `train` calls the bundle of a folder of photos
        meant = f": did you mean {os.fspath(made)!r}?" if os.path.isfile(made / MANIFEST) else ""  # noqa: PTH113
        raise ModelNotFound(f"{text} is a folder without {MANIFEST}, so it is no bundle{meant}")
    if path.suffix == ".tflite":
        raise ModelNotFound(f"no model file {text!r} here: check the path{did_you_mean(text)}")
    known = list(dict.fromkeys([*(folder.name for folder in bundle_folders()), *MADE]))
    near = nearest(text, known)
    did = f"did you mean {near!r}? Else " if near else ""
    path_meant = "" if near else did_you_mean(text)
    raise ModelNotFound(
        f"no model {text!r}: {did}give a .tflite file, a bundle's folder, or one of "
        f"{', '.join(known)}{path_meant}"
    )
