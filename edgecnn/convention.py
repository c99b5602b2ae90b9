"""How a picture becomes a model's input: what a bundle says, and what a bare `.tflite` lets one know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from edgecnn.errors import ModelError
from edgecnn.quant import real_range

if TYPE_CHECKING:
    import os

    from edgecnn.tflite_file import Tensor, TfliteFile

Color = Literal["gray", "rgb", "bgr"]
Fit = Literal["crop", "stretch", "pad"]
Resize = Literal["halved", "area", "linear", "staged"]
Layout = Literal["nhwc", "nchw"]

# Ranges that models are trained with, and how far a quantized input's may be off and still be one of them.
COMMON_RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
RANGE_TOLERANCE = 0.02
ASK_FOR_RANGE = "add --range 0..1, --range -1..1 or --range 0..255, the one that it was trained with"


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How a picture becomes the model's input.

    `fit` is what happens to the sides' ratio: `crop` cuts out the middle, `stretch` does not keep it, `pad`
    adds black. With `halved` the middle is up to a fourteenth smaller where that saves an interpolation. A
    model of three channels whose `color` is `gray` gets the grey picture in each of them. `value_range` is
    what pixels 0 and 255 become before quantization; `layout` is the tensor's.
    """

    width: int
    height: int
    color: Color
    fit: Fit
    resize: Resize
    value_range: tuple[float, float]
    layout: Layout = "nhwc"


class Given(NamedTuple):
    """What a person says of a bare file, before what the file says of itself; None for nothing.

    `labels` is a file with one label a line.
    """

    labels: str | os.PathLike[str] | None = None
    value_range: tuple[float, float] | None = None
    fit: Fit | None = None
    color: Color | None = None

    def option(self) -> str | None:
        """Return the first option for pictures that was given, as it is typed."""
        options = {"--range": self.value_range, "--fit": self.fit, "--color": self.color}
        return next((name for name, value in options.items() if value is not None), None)


class Convention(NamedTuple):
    """How a bare file's input is to be filled, with the reason for each part that can differ.

    `value_range` is None where it can't be known and has to be given.
    """

    width: int
    height: int
    color: Color
    fit: Fit
    layout: Layout
    value_range: tuple[float, float] | None
    reasons: dict[str, str]

    def spec(self, source: str) -> InputSpec:
        """Return it as what the runtime needs. Raises ModelError where the range is not known."""
        if self.value_range is None:
            raise ModelError(f"{source} {self.reasons['range']}: {ASK_FOR_RANGE}")
        return InputSpec(
            self.width, self.height, self.color, self.fit, "halved", self.value_range, self.layout
        )


def layout_of(shape: tuple[int, ...]) -> Layout | None:
    """Return where an image tensor of this shape has its one or three channels; None for any other."""
    if len(shape) != 4 or shape[0] != 1 or min(shape) < 1:
        return None
    if shape[3] in (1, 3):
        return "nhwc"
    return "nchw" if shape[1] in (1, 3) else None


def image_size(tensor: Tensor) -> tuple[int, int, int]:
    """Return the height, the width and the channels of an image tensor in either layout."""
    _, a, b, c = tensor.shape
    return (b, c, a) if layout_of(tensor.shape) == "nchw" else (a, b, c)


def find_convention(file: TfliteFile, given: Given) -> Convention:
    """Find how a classifier's input is to be filled, from what was given, else from what its file says."""
    image = file.inputs[0]
    layout = layout_of(image.shape) or "nhwc"
    height, width, channels = image_size(image)
    told = "as it was told"
    value_range, reason = (given.value_range, told) if given.value_range else find_range(file)
    reasons = {
        "range": reason,
        "color": told if given.color else f"its input has {channels} channel{'s' * (channels > 1)}",
        "fit": told if given.fit else "what Coral's and TFLite's own samples do with a bare file",
        "layout": f"the shape of its input, {'×'.join(map(str, image.shape))}",
    }
    if given.color in ("rgb", "bgr") and channels == 1:
        raise ModelError(f"--color {given.color} is for three channels, but the model's input has one")
    color: Color = given.color or ("gray" if channels == 1 else "rgb")
    return Convention(width, height, color, given.fit or "stretch", layout, value_range, reasons)


def find_range(file: TfliteFile) -> tuple[tuple[float, float] | None, str]:
    """Find the range of real values that the model was trained with, and say how that is known.

    TFLite metadata come first, unless the quantization of the input contradicts them.
    """
    image, metadata = file.inputs[0], file.metadata
    mean, std = metadata.mean, metadata.std
    stored, why_not = _quantized_range(image)
    if mean and std and min(std) > 0:
        if len(set(mean)) > 1 or len(set(std)) > 1:
            each = f"mean {mean}, deviation {std}"
            return None, f"normalizes each channel by itself ({each}), which is not supported"
        declared = -mean[0] / std[0], (255 - mean[0]) / std[0]
        if stored is None or _near(declared, stored):
            return declared, f"its metadata: (pixel − {mean[0] + 0.0:g}) / {std[0]:g}"
    if stored is not None:
        return stored, f"its input's quantization: scale {image.scale:.6g}, zero point {image.zero_point}"
    return None, why_not


def _quantized_range(image: Tensor) -> tuple[tuple[float, float] | None, str]:
    """Return the usual range that a quantized input stands for, or the reason why there is none."""
    if image.dtype == "float32":
        return None, "is a float model and does not say which range its input has"
    found = real_range(image.scale, image.zero_point, image.dtype)
    for candidate in COMMON_RANGES:
        if _near(found, candidate):
            return candidate, ""
    stands_for = f"{found[0]:.3g}..{found[1]:.3g}"
    return None, f"has an input that stands for {stands_for}, which is none of the usual ranges"


def _near(a: tuple[float, float], b: tuple[float, float]) -> bool:
    allowed = RANGE_TOLERANCE * (b[1] - b[0])
    return abs(a[0] - b[0]) <= allowed and abs(a[1] - b[1]) <= allowed
