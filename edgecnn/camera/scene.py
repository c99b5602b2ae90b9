"""What the synthetic camera can show: the table of its scenes, and the protocol of one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from edgecnn.io.nearby import nearest
from edgecnn.io.quiet import say
from edgecnn.io.regular import read_regular

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 480
# What the scene `things` shows; the last one is the empty table.
NOTHING = "nothing"
THINGS = ("apple", "ball", "banana", "book", "bottle", "box", "cup", "leaf", NOTHING)
SCENES = ("digits", "things")
TABLES = ("wood", "cloth", "stone", "laminate")
# Of a file that names a thing.
_MOST_BYTES = 1000


class Shot(NamedTuple):
    """What a scene looks like at a moment, before lens and sensor.

    Attributes
    ----------
    pixels
        uint8 480×640×3, BGR.
    label
        What is shown.
    blur
        The standard deviation of the lens's blur in pixels.
    noise
        The standard deviation of the sensor's noise in grey levels.
    """

    pixels: NDArray[np.uint8]
    label: str
    blur: float
    noise: float


class SyntheticScene(Protocol):
    """Draws what is in front of the synthetic camera, all of it decided by a seed."""

    def shoot(self, number: int, moment: float) -> Shot:
        """Return what is seen.

        Parameters
        ----------
        number
            How often something else was put in front of the camera, from 0.
        moment
            Seconds since then; things move.
        """
        ...


class NamedInFile:
    """Reads from a text file which thing to show, again whenever the file changes.

    A missing or empty file shows the empty table, and so does one with another text, which is reported in one
    line.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path).expanduser()
        self._known: tuple[int, ...] | None = None
        self._thing = NOTHING

    def __call__(self) -> str:
        """Return a name in `THINGS`."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - called for each frame
            state = found.st_mtime_ns, found.st_size, found.st_ino
            if state != self._known:
                self._known, self._thing = state, self._read()
        except OSError:
            self._known, self._thing = None, NOTHING
        return self._thing

    def _read(self) -> str:
        name = read_regular(self._path, _MOST_BYTES, remember=False).decode("utf-8", "replace").strip()
        if name and name not in THINGS:
            say(f"{self._path} says {name[:60]!r}, so nothing is shown: {expected_thing(name)}")
        return name if name in THINGS else NOTHING


def expected_thing(name: str) -> str:
    """Return what is expected instead of a name that is no thing."""
    near = nearest(name, THINGS)
    return f"expected one of {', '.join(THINGS)}" + (f"; did you mean {near}?" if near else "")


def describe_scenes(_source: str = "") -> list[str]:
    """Return lines about the synthetic camera, for `edgecnn cameras`."""
    return [
        "built in, needs no camera: draws handwritten digits",
        f"synthetic:scene=things draws things on a table: {', '.join(THINGS[:-1])}",
    ]
