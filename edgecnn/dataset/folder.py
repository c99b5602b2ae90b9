"""Labelled images in folders; each folder and file behind links is read once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from edgecnn.dataset.items import Item, list_items
from edgecnn.image.file import read_file, read_image
from edgecnn.image.folder_walk import peek, walk

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Background
    from edgecnn.dataset.layout import LayoutName


class FolderSource:
    """`<class>/*` or `train|val|test/<class>/*`, images anywhere below the class's folder.

    Links are followed, but nothing is read a second time. `notes` are lines for the user; `foreign` are files
    of unsupported image formats, by kind.

    Parameters
    ----------
    own
        Folders that edgecnn is about to write, which are not classes.
    """

    background: Background = "white"

    def __init__(self, folder: Path, layout: LayoutName = "auto", own: Iterable[Path] = ()) -> None:
        self._folder = folder
        found = walk(folder, own)
        listed = list_items(found.files + found.empty, str(folder), lambda n: peek(f"{folder}/{n}"), layout)
        self.labels, self.items, self.foreign = listed.labels, listed.items, listed.foreign
        self.notes = (*found.notes(str(folder)), *listed.notes)

    def read(self, item: Item, least: int | None = None) -> NDArray[np.uint8]:
        """Read and decode the file."""
        return read_image(self._folder / item.id, least, background=self.background)

    def digest(self, item: Item) -> bytes:
        """Return the SHA-256 of the file."""
        return hashlib.sha256(read_file(self._folder / item.id)).digest()
