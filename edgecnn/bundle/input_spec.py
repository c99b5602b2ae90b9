"""How an image becomes a model's input, as the runtime takes it, and what a user says about a bare file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from edgecnn.errors import ModelError

if TYPE_CHECKING:
    import os

    from edgecnn.bundle.classifier_file import Layout
    from edgecnn.bundle.scores import Scores

Color = Literal["gray", "rgb", "bgr"]
Fit = Literal["crop", "stretch", "pad"]
Resize = Literal["halved", "area", "linear", "staged"]
Background = Literal["white", "black", "gray"]
# The values that pixels 0 and 255 become.
Range = tuple[float, float]
# One for all channels, or one for each.
Ranges = Range | tuple[Range, ...]

GIVEN = "as given"


class InputSpec(NamedTuple):
    """How an image becomes the model's input.

    `fit` decides about the aspect ratio: `crop` cuts out the middle, `stretch` changes the ratio, `pad` adds
    black. With `halved` the middle is up to a fourteenth smaller if that saves an interpolation. A model of
    three channels whose `color` is `gray` gets the gray image in each of them. `value_range` is what pixels 0
    and 255 become before quantization; if channels differ, `channel_ranges` has one for each, in the model's
    order, and `value_range` spans them. `layout` is the tensor's. `background` is the color behind
    transparent images.
    """

    width: int
    height: int
    color: Color
    fit: Fit
    resize: Resize
    value_range: Range
    layout: Layout = "nhwc"
    channel_ranges: tuple[Range, ...] = ()
    background: Background = "white"


class Given(NamedTuple):
    """What a user says about a bare file, which takes priority over its metadata; None if not given.

    `labels` is a file of labels, `value_range` one range or one for each channel, `output` the name or number
    of the output that has the scores, `size` the width and height of an input that leaves them open.
    """

    labels: str | os.PathLike[str] | None = None
    value_range: Ranges | None = None
    fit: Fit | None = None
    color: Color | None = None
    scores: Scores | None = None
    output: str | None = None
    size: tuple[int, int] | None = None

    def option(self) -> str | None:
        """Return the first given option that only a bare file takes, as it is typed; None without one."""
        options = {
            "--range": self.value_range,
            "--fit": self.fit,
            "--color": self.color,
            "--output": self.output,
            "--input-size": self.size,
        }
        return next((name for name, value in options.items() if value is not None), None)

    def ranges(self) -> tuple[Range, ...]:
        """Return the given ranges: none, one, or one for each channel."""
        if self.value_range is None:
            return ()
        pairs: Any = self.value_range if isinstance(self.value_range[0], Sequence) else [self.value_range]
        return tuple((float(low), float(high)) for low, high in pairs)


class Convention(NamedTuple):
    """How to fill a file's input, with the reason for each part that can differ.

    `value_range` is None if it is not known and must be given; `ask` then says how. `notices` are
    what was inferred, and contradictions, one line each.
    """

    width: int
    height: int
    color: Color
    fit: Fit
    layout: Layout
    value_range: Range | None
    reasons: dict[str, str]
    channel_ranges: tuple[Range, ...] = ()
    resize: Resize = "halved"
    ask: str = ""
    notices: tuple[str, ...] = ()
    background: Background = "white"

    def spec(self, source: str) -> InputSpec:
        """Return it as the runtime takes it. Raises ModelError if the range is not known."""
        if self.value_range is None:
            raise ModelError(f"{source} {self.reasons['range']}: {self.ask}")
        return InputSpec(
            self.width, self.height, self.color, self.fit, self.resize, self.value_range, self.layout,
            self.channel_ranges, self.background,
        )  # fmt: skip


def span(ranges: tuple[Range, ...]) -> Range:
    """Return the range from the lowest to the highest value of several."""
    return min(low for low, _ in ranges), max(high for _, high in ranges)
