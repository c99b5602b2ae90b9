"""Options that choose a camera and what is done to its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer

from edgecnn.camera import STALL_S, Mode, describe_sources
from edgecnn.cli.options.numbers import parse_whole
from edgecnn.cli.takes import options
from edgecnn.errors import OptionError
from edgecnn.frame import Box

if TYPE_CHECKING:
    from edgecnn.image.framing import Framing

# No image that OpenCV can hold has longer sides.
_MOST_PIXELS = 65_535


_METAVAR = "SRC[,SRC…]"
_SOURCES = (
    f"Where frames come from: {describe_sources()}, or auto for the real cameras; several, "
    "comma-separated, are tried in order."
)


@options
class CameraOptions:
    """Where frames come from."""

    heading: ClassVar = "Camera"

    source: Annotated[
        list[str] | None, typer.Option(help=_SOURCES, metavar=_METAVAR, show_default="auto")
    ] = None
    size: Annotated[str, typer.Option(help="Frame size to ask the camera for, in pixels.", metavar="WxH")] = (
        "640x480"
    )
    fps: Annotated[
        float | None,
        typer.Option(
            help="Frames per second to ask the camera for.",
            min=0.01,
            max=1000,
            metavar="F",
            show_default="the camera's own",
        ),
    ] = None
    stall: Annotated[
        float,
        typer.Option(
            help="Reopen the camera after so many seconds without a frame.", min=1, max=3600, metavar="S"
        ),
    ] = STALL_S
    roi: Annotated[
        str | None,
        typer.Option(
            help="Classify only this part of the frame, in pixels.",
            metavar="X,Y,W,H",
            show_default="the whole frame",
        ),
    ] = None
    rotate: Annotated[
        Literal["0", "90", "180", "270"], typer.Option(help="Rotate frames clockwise, in degrees.")
    ] = "0"
    flip: Annotated[bool, typer.Option("--flip", help="Mirror frames left to right.")] = False

    @property
    def sources(self) -> tuple[str, ...]:
        """What each camera is opened by. Raises OptionError for an empty one."""
        if "" in (self.source or ()):
            raise OptionError(f"--source is empty, expected {_METAVAR}: is a variable unset?")
        return tuple(self.source or ("auto",))

    def only(self, command: str) -> tuple[str, ...]:
        """Return the source for a command that takes one camera. Raises OptionError for several."""
        if len(self.sources) > 1:
            raise OptionError(
                f"{command} takes one camera, and --source was given {len(self.sources)} times: "
                "give it once; edgecnn live takes several"
            )
        return self.sources

    @property
    def mode(self) -> Mode:
        """What to ask the camera for. Raises OptionError."""
        sides = [parse_whole(p, _MOST_PIXELS) for p in self.size.lower().replace("×", "x").split("x")]
        match sides:
            case [int(width), int(height)] if width and height:
                return Mode(width, height, self.fps, self.stall)
        raise OptionError(f"--size is {self.size[:60]!r}, expected WIDTHxHEIGHT in pixels: --size 640x480")

    @property
    def framing(self) -> Framing | None:
        """What is done to every frame, None for nothing. Raises OptionError."""
        if self.roi is None and self.rotate == "0" and not self.flip:
            return None
        from edgecnn.image.framing import Framing

        box = None
        if self.roi is not None:
            match [parse_whole(p, _MOST_PIXELS) for p in self.roi.split(",")]:
                case [int(x), int(y), int(width), int(height)]:
                    box = Box(x, y, width, height)
                case _:
                    expected = "expected x,y,width,height in pixels: --roi 160,0,320,320"
                    raise OptionError(f"--roi is {self.roi[:60]!r}, {expected}")
        return Framing(int(self.rotate), flip=self.flip, roi=box)


@options
class CamerasOptions(CameraOptions):
    """Where the frames of one or several cameras come from."""

    source: Annotated[
        list[str] | None,
        typer.Option(
            help=f"{_SOURCES} Can be repeated, for several cameras in one run.",
            metavar=_METAVAR,
            show_default="auto",
        ),
    ] = None
