"""Options that choose a model, describe a bare file, and choose what runs it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import typer

from edgecnn.bundle.input_spec import Color, Fit, Given
from edgecnn.bundle.scores import Scores
from edgecnn.cli.options.numbers import parse_whole, shorten
from edgecnn.cli.takes import options
from edgecnn.defaults import DEFAULT_MODEL
from edgecnn.engine import MAX_THREADS, describe_engines
from edgecnn.errors import OptionError

# The largest absolute value of --range.
_MOST_RANGE = 1e6
# The longest side of an input that is set by hand, in pixels.
MOST_SIDE = 8192

VariantOption = Annotated[
    str | None,
    typer.Option(
        help="Variant of the bundle; auto for the fastest one, measured once.",
        metavar="V",
        show_default="the fastest in live, elsewhere int8",
        rich_help_panel="Model",
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        help="Answer unknown where the best score is below this; 0 for never.",
        min=0,
        max=1,
        metavar="T",
        show_default="the bundle's own",
        rich_help_panel="Answers",
    ),
]

RangeOption = Annotated[
    str | None,
    typer.Option(
        "--range",
        help="Values that pixels 0 and 255 become: two numbers, such as 0..1, -1..1 or -2.1..2.6; or two "
        "for each channel, A..B,C..D,E..F.",
        metavar="LOW..HIGH",
        show_default="found in the model file",
    ),
]


@options
class ModelOptions:
    """Which model."""

    heading: ClassVar = "Model"

    model: Annotated[
        str,
        typer.Option("--model", "-m", help="Name or folder of a bundle, or a .tflite file.", metavar="M"),
    ] = DEFAULT_MODEL
    variant: VariantOption = None


@options
class EngineOptions:
    """What runs the model."""

    heading: ClassVar = "Engine"

    engine: Annotated[
        str,
        typer.Option(
            help=f"Engine to use: {describe_engines()}.",
            metavar="E",
        ),
    ] = "auto"
    threads: Annotated[
        str,
        typer.Option(
            help="Threads for the model; auto for the fastest number, measured once.", metavar="N|auto"
        ),
    ] = "1"

    @property
    def count(self) -> int | Literal["auto"]:
        """The number of threads. Raises OptionError."""
        return parse_threads(self.threads)


@options
class BareFileOptions:
    """What a bare `.tflite` file does not say about itself."""

    heading: ClassVar = "Bare .tflite files"

    labels: Annotated[
        str | None,
        typer.Option(
            help="File of labels: one per line, CSV, JSON or YAML, numbered or not.",
            metavar="FILE",
            show_default="those inside the model file",
        ),
    ] = None
    value_range: RangeOption = None
    fit: Annotated[
        Fit | None,
        typer.Option(help="How images of another shape are fitted to the input.", show_default="stretch"),
    ] = None
    color: Annotated[
        Color | None,
        typer.Option(help="Color channels of the input.", show_default="rgb"),
    ] = None
    scores: Annotated[
        Scores | None,
        typer.Option(
            help="What the outputs are; multi-label: an independent probability for each class.",
            show_default="detected",
        ),
    ] = None
    output: Annotated[
        str | None,
        typer.Option(
            help="Name or number of the output that has the scores, if there are several.",
            metavar="NAME",
            show_default="detected",
        ),
    ] = None
    input_size: Annotated[
        str | None,
        typer.Option(
            help="Input size in pixels, if the model file leaves it open.",
            metavar="WxH",
            show_default="that of the model file",
        ),
    ] = None

    @property
    def given(self) -> Given:
        """The description of the file. Raises OptionError."""
        return Given(
            self.labels,
            parse_range(self.value_range),
            self.fit,
            self.color,
            self.scores,
            self.output,
            parse_input_size(self.input_size),
        )


def parse_threads(text: str) -> int | Literal["auto"]:
    """Read `2` or `auto`. Raises OptionError."""
    if text.strip().lower() == "auto":
        return "auto"
    count = parse_whole(text, MAX_THREADS)
    if not count:
        expected = f"expected a number from 1 to {MAX_THREADS}, or auto"
        raise OptionError(f"--threads is {shorten(text)}, {expected}")
    return count


def parse_range(text: str | None) -> tuple[float, float] | tuple[tuple[float, float], ...] | None:
    """Read `-1..1`, or three comma-separated ranges, one for each channel. Raises OptionError."""
    if text is None:
        return None
    ranges = tuple(_one_range(part) for part in text.split(","))
    found = tuple(r for r in ranges if r is not None)
    if len(found) != len(ranges) or len(found) not in (1, 3):
        raise OptionError(
            f"--range is {shorten(text)}, expected what pixels 0 and 255 become, the lower number first, "
            "such as 0..1, -1..1 or -2.1..2.6, or three of these with commas between them, one for each "
            "channel"
        )
    return found if len(found) > 1 else found[0]


def _one_range(text: str) -> tuple[float, float] | None:
    low, dots, high = text.partition("..")
    try:
        values = float(low), float(high)
    except ValueError:
        return None
    return values if dots and -_MOST_RANGE <= values[0] < values[1] <= _MOST_RANGE else None


def parse_input_size(text: str | None) -> tuple[int, int] | None:
    """Read `224x224`. Raises OptionError."""
    if text is None:
        return None
    width, _, height = text.lower().replace("×", "x").partition("x")
    sides = [int(side) for side in (width, height) if side.isdecimal() and len(side) <= len(str(MOST_SIDE))]
    if len(sides) < 2 or not all(1 <= side <= MOST_SIDE for side in sides):
        raise OptionError(
            f"--input-size is {shorten(text)}, expected WIDTHxHEIGHT in pixels, each at most {MOST_SIDE}: "
            "--input-size 224x224"
        )
    return sides[0], sides[1]
