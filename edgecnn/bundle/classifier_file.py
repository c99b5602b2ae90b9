"""Finds the input of a model file that takes the image and the output that has the scores."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

from edgecnn.errors import BundleError, ModelError

if TYPE_CHECKING:
    from edgecnn.tflite.file import Tensor, TfliteFile

Layout = Literal["nhwc", "nchw"]
# The shortest side of an image that is stored as a row of values: fewer values are measurements.
LEAST_FLAT_SIDE = 8
DTYPES = ("uint8", "int8", "float32")


class ImageShape(NamedTuple):
    """The image in a tensor: sides in pixels, channels, and the order of the axes."""

    height: int
    width: int
    channels: int
    layout: Layout


def image_shape(shape: tuple[int, ...], size: tuple[int, int] | None = None) -> ImageShape | None:
    """Return the image that a tensor of this shape can hold; None if it can hold none.

    Parameters
    ----------
    size
        The width and height of the image, for a shape that leaves them open, such as [1, 784].
    """
    if not shape or shape[0] != 1 or min(shape) < 1:
        return None
    if len(shape) == 4:
        if shape[3] in (1, 3):
            return ImageShape(shape[1], shape[2], shape[3], "nhwc")
        return ImageShape(shape[2], shape[3], shape[1], "nchw") if shape[1] in (1, 3) else None
    return _without_channels(shape, size[::-1] if size else None)


def _without_channels(shape: tuple[int, ...], sides: tuple[int, ...] | None) -> ImageShape | None:
    """Return the image in [1, height, width] or [1, values]; `sides` are its height and width."""
    if len(shape) == 3:
        square = shape[1] == shape[2] >= LEAST_FLAT_SIDE
        return ImageShape(shape[1], shape[2], 1, "nhwc") if square or sides == shape[1:] else None
    for channels in (1, 3) if len(shape) == 2 else ():
        side = math.isqrt(shape[1] // channels)
        height, width = sides or (side, side)
        if height * width * channels == shape[1] and (sides or side >= LEAST_FLAT_SIDE):
            return ImageShape(height, width, channels, "nhwc")
    return None


def as_classifier(
    file: TfliteFile,
    source: str,
    output: str | None = None,
    size: tuple[int, int] | None = None,
    nearness: str | None = None,
) -> TfliteFile:
    """Return a model file with its input's final shape, and only the outputs that are used.

    The first one has the scores; the second one, if `nearness` names it, the nearness.

    Parameters
    ----------
    source
        Its name in messages.
    output
        The name of the output, or its number from 0; None if there is only one.
    size
        Width and height, for an input that leaves them open.
    nearness
        The name of the output with the nearness: cosines of the image's embedding with the prototypes; None
        for none.

    Raises
    ------
    ModelError
        If it does not take one image and return one score for each class; the message shows its tensors.
    BundleError
        If it has no other output of the name `nearness`.
    """
    if len(file.inputs) != 1 or not file.outputs:
        raise ModelError(
            f"{source} is no image classifier: it has {_count(len(file.inputs), 'input')} and "
            f"{_count(len(file.outputs), 'output')}, expected one image in and scores out"
        )
    image = sized(file.inputs[0], source, size)
    if image_shape(image.shape, size) is None:
        raise ModelError(
            f"{source} is no image classifier: its input has the shape {list(image.shape)}, expected "
            "[1, height, width, 1 or 3], [1, 1 or 3, height, width], or a square gray image without channels"
            + _other_size(image.shape, size)
        )
    chosen = _pick(file, source, output)._replace(inputs=(image,))
    scores = chosen.outputs[0]
    if not scores.shape or scores.size != max(scores.shape) or scores.size < 1:
        raise ModelError(
            f"{source} is no image classifier: its output has the shape {list(scores.shape)}, "
            "expected [1, classes]"
        )
    if nearness is not None:
        chosen = _with_nearness(chosen, file, source, nearness)
    for tensor in (image, *chosen.outputs):
        if tensor.dtype not in DTYPES:
            number = ": it has the best class's number, not scores" if "int" in tensor.dtype else ""
            raise ModelError(
                f"{source}: tensor {tensor.name} is {tensor.dtype}, expected uint8, int8 or float32"
                + (number if tensor is scores else "")
            )
    for tensor in (image, *chosen.outputs):
        if tensor.dtype != "float32" and not tensor.scale > 0 and not _is_raw(chosen, tensor):
            raise ModelError(
                f"{source}: tensor {tensor.name} is {tensor.dtype} but has no quantization scale"
            )
    return chosen


def is_open(image: Tensor) -> bool:
    """Whether an input leaves the image's height or width open: -1 in its signature, or one pixel."""
    shape, signature = image.shape, image.signature
    if len(shape) != 4:
        return False
    first = 1 if shape[3] in (1, 3) else 2
    sides, signed = shape[first : first + 2], signature[first : first + 2]
    return sides == (1, 1) or (-1 in signed and 1 in sides)


def sized(image: Tensor, source: str, size: tuple[int, int] | None) -> Tensor:
    """Return an image's input with the width and height of `size` if it leaves them open.

    Raises ModelError if they are open and `size` is None, or fixed and different.
    """
    if len(image.shape) != 4 or not is_open(image):
        fixed = image_shape(image.shape, size)
        if size and fixed and len(image.shape) == 4 and (fixed.width, fixed.height) != size:
            raise ModelError(
                f"{source} takes {fixed.width}×{fixed.height} pixels, so it can't get "
                f"--input-size {size[0]}x{size[1]}: leave that out"
            )
        return image
    if size is None:
        stored = image.signature if -1 in image.signature else image.shape
        raise ModelError(
            f"{source} leaves the size of its images open (its input is {list(stored)}): "
            "add --input-size WxH, the one that it was trained with, such as --input-size 224x224"
        )
    width, height = size
    channels = image.shape[3] if image.shape[3] in (1, 3) else image.shape[1]
    first = image.shape[3] not in (1, 3)
    return image._replace(shape=(1, channels, height, width) if first else (1, height, width, channels))


def _other_size(shape: tuple[int, ...], size: tuple[int, int] | None) -> str:
    if size is not None and len(shape) < 4:
        return f"; --input-size {size[0]}x{size[1]} does not fit it"
    return "; for another shape say --input-size WxH" if len(shape) in (2, 3) and shape[0] == 1 else ""


def _pick(file: TfliteFile, source: str, output: str | None) -> TfliteFile:
    """Return the file with only the named output, or with its only one."""
    if output is None:
        if len(file.outputs) == 1:
            return file
        raise ModelError(
            f"{source} has {len(file.outputs)} outputs, {_outputs(file)}: choose the one with the scores by "
            "--output NAME; if none has scores, it is no image classifier"
        )
    places = _places(file, output)
    if len(places) != 1:
        raise ModelError(
            f"{source} has no output {output!r}: it has {_outputs(file)}; choose by --output NAME"
        )
    return file.with_outputs(places)


def _with_nearness(chosen: TfliteFile, whole: TfliteFile, source: str, nearness: str) -> TfliteFile:
    """Return the file with the output that has the nearness behind the one that has the scores."""
    places = [k for k in _places(whole, nearness) if k != chosen.output and whole.outputs[k].size]
    if len(places) != 1:
        raise BundleError(
            f"{source} has no output {nearness!r} besides its scores, which confidence.unknown.nearness of "
            f"its manifest names: it has {_outputs(whole)}; name one of these there, or remove every "
            "`nearness` from the table confidence, and scores alone decide what is unknown"
        )
    return whole.with_outputs([chosen.output, *places])._replace(inputs=chosen.inputs)


def _places(file: TfliteFile, output: str) -> list[int]:
    """Return the outputs that match a tensor's name, its signature's name, a number, or a part of a name."""
    names = [t.name for t in file.outputs]
    signed = dict(file.signature_outputs)
    exact = [k for k, name in enumerate(names) if name == output]
    exact = exact or [k for k, place in enumerate(file.output_places) if signed.get(output) == place]
    part = [k for k, name in enumerate(names) if output and output in name]
    by_number = [int(output)] if output.isdecimal() and int(output) < len(names) else []
    return exact or by_number or part


def _outputs(file: TfliteFile) -> str:
    shown = [f"{t.name} {list(t.shape)}" for t in file.outputs[:6]]
    return ", ".join(shown) + (" and more" if len(file.outputs) > len(shown) else "")


def _is_raw(file: TfliteFile, tensor: Tensor) -> bool:
    """Whether a tensor is the input and takes pixels unchanged: uint8 that is cast before use."""
    if tensor is not file.inputs[0] or tensor.dtype != "uint8":
        return False
    place, seen = file.input_places[0], 0
    while seen < len(file.graph):
        readers = file.readers(place)
        if readers and all(op.name == "CAST" for op in readers):
            return True
        if len(readers) != 1 or readers[0].name not in _MOVING:
            return False
        place, seen = readers[0].outputs[0], seen + 1
    return False


# Operators that move pixels without changing their values.
_MOVING = ("RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS", "STRIDED_SLICE", "SLICE", "REVERSE_V2",
           "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "PAD", "GATHER")  # fmt: skip


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
