"""What is asked of `learn`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgecnn.bundle.input_spec import Given
from edgecnn.learning.trunk import DEFAULT_TRUNK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.dataset import LayoutName
    from edgecnn.learning.photos import PhotoProgress


def _silent(_: str) -> None:
    """Drop a line."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of `learn`.

    Attributes
    ----------
    trunk, cut, given
        As `open_trunk` takes them.
    negatives
        A folder of photos of other things; None for none.
    flip
        Whether a mirrored photo shows the same class.
    seed
        Decides the folds, and which photos the learning curve draws.
    layout
        What the folders of the data are: `splits` with classes inside, `classes`, or `auto`.
    allowed_drop
        How many points of top-1 int8 may lose against float32.
    threads
        How many threads the trunk may use; at most four of this machine's cores for None.
    say
        Called with each line of progress.
    progress
        Shows how many photos are embedded.
    """

    trunk: str = DEFAULT_TRUNK
    cut: str | None = None
    given: Given = field(default_factory=Given)
    negatives: Path | None = None
    flip: bool = True
    seed: int = 0
    layout: LayoutName = "auto"
    allowed_drop: float = 1.0
    threads: int | None = None
    say: Callable[[str], None] = _silent
    progress: PhotoProgress | None = None
