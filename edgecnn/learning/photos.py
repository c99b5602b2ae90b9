"""The photos that are learned from: embedded once each, in every view."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edgecnn.errors import DataError, ImageError
from edgecnn.learning.store import Store
from edgecnn.learning.views import PLAIN, see

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from edgecnn.dataset import Item, Source
    from edgecnn.learning.embedder import Embedder
    from edgecnn.learning.trunk import Trunk

    Matrix = NDArray[np.float32]


class PhotoProgress(Protocol):
    """Shows how far a step is."""

    def __call__(self, done: int, total: int) -> None:
        """Take the number of photos that are done."""
        ...


@dataclass(frozen=True, slots=True)
class Photos:
    """Photos of a source and their embeddings.

    Attributes
    ----------
    items
        The photos that could be read.
    labels
        The class of each, int64 (photos,).
    views
        By view, the embeddings, float32 (photos, values); `plain` is the photo itself.
    skipped
        The error of each photo that could not be read.
    computed
        How many embeddings were computed now; the others were kept from before.
    """

    items: tuple[Item, ...]
    labels: NDArray[np.int64]
    views: dict[str, Matrix]
    skipped: tuple[ImageError | DataError, ...] = ()
    computed: int = 0

    def __len__(self) -> int:
        return len(self.items)

    @property
    def plain(self) -> Matrix:
        """The embeddings of the photos themselves."""
        return self.views[PLAIN]

    def take(self, places: NDArray[np.int64] | NDArray[np.bool_] | Sequence[int]) -> Photos:
        """Return the photos at these places."""
        chosen = np.arange(len(self))[np.asarray(places)]
        return Photos(
            tuple(self.items[k] for k in chosen),
            self.labels[chosen],
            {name: rows[chosen] for name, rows in self.views.items()},
        )


@dataclass(slots=True)
class _Collected:
    items: list[Item] = field(default_factory=list)
    rows: list[tuple[NDArray[np.float32], ...]] = field(default_factory=list)
    skipped: list[ImageError | DataError] = field(default_factory=list)
    computed: int = 0


class Reader:
    """Reads photos and embeds them by a trunk."""

    def __init__(self, trunk: Trunk, embedder: Embedder) -> None:
        self._key, self._background = trunk.key, trunk.input.background
        self._embedder = embedder

    def read(
        self,
        source: Source,
        items: Iterable[Item],
        views: Sequence[str] = (),
        progress: PhotoProgress | None = None,
    ) -> Photos:
        """Return these photos with their embeddings; what can't be read is skipped.

        Parameters
        ----------
        views
            The names of views in addition to the photo itself.
        """
        source.background = self._background
        found, wanted = _Collected(), list(items)
        with Store(self._embedder.dtype, self._embedder.values) as store:
            for k, item in enumerate(wanted):
                if progress is not None:
                    progress(k, len(wanted))
                try:
                    found.rows.append(self._embed(source, item, (PLAIN, *views), store, found))
                    found.items.append(item)
                except (ImageError, DataError) as error:
                    found.skipped.append(error)
        if progress is not None:
            progress(len(wanted), len(wanted))
        columns = zip(*found.rows, strict=True) if found.rows else ((),) * (1 + len(views))
        return Photos(
            tuple(found.items),
            np.array([item.label for item in found.items], np.int64),
            {
                name: np.array(rows, np.float32).reshape(-1, self._embedder.values)
                for name, rows in zip((PLAIN, *views), columns, strict=True)
            },
            tuple(found.skipped),
            found.computed,
        )

    def _embed(
        self, source: Source, item: Item, views: Sequence[str], store: Store, found: _Collected
    ) -> tuple[NDArray[np.float32], ...]:
        """Return a photo's embedding in each view."""
        digest = source.digest(item)
        image: NDArray[np.uint8] | None = None
        rows = []
        for view in views:
            key = hashlib.sha256(f"{self._key} {view} ".encode() + digest).digest()
            raw = store.get(key)
            if raw is None or not np.isfinite(raw).all():
                if image is None:
                    image = source.read(item, self._embedder.least_side)
                raw = self._embedder(see(image, view, digest))
                store.put(key, raw)
                found.computed += 1
            rows.append(self._embedder.real(raw))
        return tuple(rows)
