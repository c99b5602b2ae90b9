"""The options that several commands share, and what they become."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from edgecnn.engine import MAX_THREADS
from edgecnn.errors import OptionError

if TYPE_CHECKING:
    from edgecnn.bundle.convention import Color, Fit, Given
    from edgecnn.bundle.scores import Scores

ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="A bundle's name or folder, or a .tflite file.", metavar="M")
]
VariantOption = Annotated[
    str | None,
    typer.Option(help="Which of a bundle's variants; int8 if left out, or the only one.", metavar="V"),
]
EngineOption = Annotated[
    str,
    typer.Option(
        help="auto, litert, tflite-runtime, edgetpu[:usb|:pci], or fake[:delay_ms=5,jitter_ms=1].",
        metavar="E",
    ),
]
_MOST_RANGE = 1e6
# The longest side of an input that is set by hand, in pixels.
MOST_SIDE = 8192
ThreadsOption = Annotated[
    str,
    typer.Option(
        help="Threads for the model; auto for the quickest number, measured once.", metavar="N|auto"
    ),
]
LabelsOption = Annotated[
    str | None,
    typer.Option(help="A file of labels: a line each, CSV, JSON or YAML, numbered or not.", metavar="FILE"),
]
RangeOption = Annotated[
    str | None,
    typer.Option(
        "--range",
        help="What pixels 0 and 255 become for a bare .tflite: any two numbers, such as 0..1, -1..1 or "
        "-2.1..2.6; or two for each channel, A..B,C..D,E..F.",
        metavar="LOW..HIGH",
    ),
]


class Layout(StrEnum):
    """What the folders of a data set are."""

    auto = "auto"
    splits = "splits"
    classes = "classes"


LayoutOption = Annotated[
    Layout,
    typer.Option(help="What the folders at the top are: splits with classes in them, or classes."),
]


class ScoresChoice(StrEnum):
    """What the numbers that a model gives are."""

    probabilities = "probabilities"
    logits = "logits"
    multi_label = "multi-label"


ScoresOption = Annotated[
    ScoresChoice | None,
    typer.Option(help="What a model's outputs are; multi-label: each class by itself. Else found out."),
]
OutputOption = Annotated[
    str | None,
    typer.Option(help="Which output of a bare .tflite with several has the scores.", metavar="NAME"),
]
InputSizeOption = Annotated[
    str | None,
    typer.Option(help="Pixels of a bare .tflite that leaves its input's size open.", metavar="WxH"),
]


class FitChoice(StrEnum):
    """What happens to a picture of another shape."""

    stretch = "stretch"
    crop = "crop"
    pad = "pad"


class ColorChoice(StrEnum):
    """What a model's channels are."""

    rgb = "rgb"
    bgr = "bgr"
    gray = "gray"


FitOption = Annotated[
    FitChoice | None, typer.Option(help="How a bare .tflite gets pictures of another shape; else stretched.")
]
ColorOption = Annotated[ColorChoice | None, typer.Option(help="What a bare .tflite takes; else RGB.")]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        help="Below this score the answer is unknown; 0 for never, left out for the bundle's own.",
        min=0, max=1, metavar="T",
    ),
]  # fmt: skip
JsonOption = Annotated[
    str | None, typer.Option("--json", help="Write all figures as JSON; - is stdout.", metavar="FILE")
]


class Split(StrEnum):
    """Which pictures of the data."""

    test = "test"
    validation = "validation"
    train = "train"
    all = "all"


SplitOption = Annotated[
    Split | None, typer.Option(help="Which pictures; test if left out, or all where there is none.")
]
LimitOption = Annotated[
    int | None, typer.Option(help="Only so many, of every class its share.", min=1, metavar="N")
]


def parse_threads(text: str) -> int | Literal["auto"]:
    """Read `2` or `auto`. Raises OptionError."""
    if text.strip().lower() == "auto":
        return "auto"
    count = parse_whole(text, MAX_THREADS)
    if not count:
        raise OptionError(f"--threads is {_short(text)}, expected a number from 1 to {MAX_THREADS}, or auto")
    return count


def parse_whole(text: str, most: int) -> int | None:
    """Read a number of zero or more in decimal digits; None for what is none, or is larger."""
    digits = text.strip()
    # Python refuses to read thousands of digits.
    if not digits.isdecimal() or len(digits) > len(str(most)):
        return None
    return number if (number := int(digits)) <= most else None


def parse_range(text: str | None) -> tuple[float, float] | tuple[tuple[float, float], ...] | None:
    """Read `-1..1`, or three of these with commas between them, one for each channel. Raises OptionError."""
    if text is None:
        return None
    ranges = tuple(_one_range(part) for part in text.split(","))
    found = tuple(r for r in ranges if r is not None)
    if len(found) != len(ranges) or len(found) not in (1, 3):
        raise OptionError(
            f"--range is {_short(text)}, expected what pixels 0 and 255 become, the lower number first, such "
            "as 0..1, -1..1 or -2.1..2.6, or three of these with commas between them, one for each channel"
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
            f"--input-size is {_short(text)}, expected WIDTHxHEIGHT in pixels, each at most {MOST_SIDE}: "
            "--input-size 224x224"
        )
    return sides[0], sides[1]


def _short(text: str, most: int = 60) -> str:
    return repr(text if len(text) <= most else text[:most] + "…")


def parse_given(
    labels: str | None,
    value_range: str | None,
    fit: FitChoice | None,
    color: ColorChoice | None,
    scores: ScoresChoice | None = None,
    output: str | None = None,
    input_size: str | None = None,
) -> Given:
    """Read the options that tell of a bare file. Raises OptionError."""
    from edgecnn.bundle.convention import Given

    return Given(
        labels, parse_range(value_range), cast("Fit | None", fit and fit.value),
        cast("Color | None", color and color.value), cast("Scores | None", scores and scores.value),
        output, parse_input_size(input_size),
    )  # fmt: skip
