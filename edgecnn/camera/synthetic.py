"""A camera that needs none: it draws lit, moving scenes, and knows the true labels."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.camera import Camera, Mode
from edgecnn.camera.pace import Pace
from edgecnn.camera.scene import (
    HEIGHT,
    SCENES,
    TABLES,
    THINGS,
    WIDTH,
    NamedInFile,
    SyntheticScene,
    expected_thing,
)
from edgecnn.errors import OptionError
from edgecnn.frame import Frame
from edgecnn.spec import parse_spec

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SyntheticOptions:
    """The options of `synthetic:…`.

    Attributes
    ----------
    scene
        `digits` on paper, or `things` on a table.
    seed
        Decides everything that is drawn.
    fps
        Frames a second; 0 never waits.
    hold
        After so many frames something else is shown, elsewhere and in another light.
    flicker
        Each frame has other patches of light and shadow, of so many grey levels in the standard deviation.
    table
        What the table is made of; a name in `TABLES`.
    thing
        The thing that is always shown; "" for another one each time.
    show
        A text file that names the thing to show now; see `NamedInFile`.
    """

    scene: str = "digits"
    seed: float = 0.0
    fps: float = 30.0
    hold: float = 30.0
    flicker: float = 0.0
    table: str = TABLES[0]
    thing: str = ""
    show: str = ""

    def __post_init__(self) -> None:
        for key, value, known in (("scene", self.scene, SCENES), ("table", self.table, TABLES)):
            if value not in known:
                raise OptionError(f"synthetic: {key} must be one of {', '.join(known)}, got {value[:60]!r}")
        if self.scene != "things" and (self.table != TABLES[0] or self.thing or self.show):
            raise OptionError("synthetic: table, thing and show need scene=things")
        if self.thing and self.show:
            raise OptionError("synthetic: give either thing or show, not both")
        if self.thing and self.thing not in THINGS:
            raise OptionError(
                f"synthetic: there is no thing {self.thing[:60]!r}: {expected_thing(self.thing)}"
            )


class SyntheticCamera(Camera):
    """Shows something new every `hold` frames, all of it decided by `seed`.

    See `SyntheticOptions` for the options. Frame i of a seed and a thing is always the same image.
    """

    live, may_hang = True, False

    def __init__(self, spec: str = "synthetic", mode: Mode | None = None) -> None:
        options = parse_spec(spec, SyntheticOptions(fps=(mode and mode.fps) or 30.0))
        self.name = spec
        self._options = options
        self._seed = int(options.seed)
        self._pace = Pace(options.fps)
        self._hold = max(1, int(options.hold))
        self._scene = _open_scene(options)
        self._index = 0
        grain = np.random.default_rng([self._seed, 1]).normal(0, 1, (HEIGHT + 64, WIDTH + 64, 1))
        self._grain = np.repeat(np.clip(grain * 24 + 128, 0, 255).astype(np.uint8), 3, axis=2)

    @property
    def description(self) -> str:
        """What this source is, for a person."""
        scene = "" if self._options.scene == "digits" else f", {self._options.scene}"
        return f"synthetic camera {WIDTH}×{HEIGHT}{scene}, seed {self._seed}"

    def read(self) -> Frame | None:
        """Return the next frame, at the pace of `fps`."""
        pixels, truth = self.draw(self._index)
        self._pace.wait()
        frame = Frame(pixels, time.monotonic_ns(), self._index, self.name, truth)
        self._index += 1
        return frame

    def draw(self, index: int) -> tuple[NDArray[np.uint8], str]:
        """Return frame `index` (uint8 480×640×3 BGR) and its label."""
        number, step = divmod(index, self._hold)
        shot = self._scene.shoot(number, step / 30)
        image = shot.pixels
        if shot.blur > 0.3:
            image = cv2.GaussianBlur(image, (0, 0), shot.blur)  # type: ignore[assignment]
        rng = np.random.default_rng([self._seed, 3, index])
        top, left = rng.integers(0, 64, 2)
        grain = self._grain[top : top + HEIGHT, left : left + WIDTH]
        strength = shot.noise / 24
        noisy = cv2.addWeighted(image, 1.0, grain, strength, -128 * strength)
        if self._options.flicker:
            patches = cv2.resize(
                rng.normal(0, self._options.flicker, (24, 32)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
            )
            noisy = np.clip(noisy + patches[..., None], 0, 255).astype(np.uint8)
        return noisy, shot.label  # type: ignore[return-value]

    def interrupt(self) -> None:
        """End a wait for the next frame's time."""
        self._pace.interrupt()


def _open_scene(options: SyntheticOptions) -> SyntheticScene:
    """Return the scene of some options; only its module is imported."""
    seed = int(options.seed)
    if options.scene == "digits":
        from edgecnn.camera.paper import DigitScene

        return DigitScene(seed)
    from edgecnn.camera.tabletop import ThingScene

    if options.show:
        return ThingScene(seed, options.table, NamedInFile(options.show))
    return ThingScene(seed, options.table, (lambda: options.thing) if options.thing else None)
