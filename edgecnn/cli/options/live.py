"""Options of `live` alone: smoothing, and when the run ends."""

from __future__ import annotations

from typing import Annotated, ClassVar

import typer

from edgecnn.classify.smooth import HOLD, MOST_HOLD, MOST_SMOOTH, SMOOTH
from edgecnn.cli.options.model import ThresholdOption
from edgecnn.cli.takes import options


@options
class SmoothingOptions:
    """How scores become answers."""

    heading: ClassVar = "Answers"

    threshold: ThresholdOption = None
    smooth: Annotated[
        float | None,
        typer.Option(
            help="Weight of past frames in each class's average score, 0 for none.",
            min=0,
            max=MOST_SMOOTH,
            metavar="A",
            show_default=f"{SMOOTH:g} for cameras, 0 for files",
        ),
    ] = None
    hold: Annotated[
        int | None,
        typer.Option(
            help="Consecutive frames that have to agree before the smoothed answer changes.",
            min=1,
            max=MOST_HOLD,
            metavar="N",
            show_default=f"{HOLD} for cameras, 1 for files",
        ),
    ] = None


@options
class LimitOptions:
    """When the run ends."""

    heading: ClassVar = "Timing"

    seconds: Annotated[
        float | None,
        typer.Option(help="Stop after so many seconds.", min=0, metavar="S", show_default="no limit"),
    ] = None
    frames: Annotated[
        int | None,
        typer.Option(help="Stop after so many frames.", min=1, metavar="N", show_default="no limit"),
    ] = None
