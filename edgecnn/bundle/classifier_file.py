"""Which input of a model file takes the image and which output has the scores, or why it is no classifier."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from edgecnn.errors import ModelError

if TYPE_CHECKING:
    from edgecnn.tflite.file import Tensor, TfliteFile

Layout = Literal["nhwc", "nchw"]
# The shortest side of an image that is stored as a row of values: fewer values are measurements.
LEAST_FLAT_SIDE = 8
DTYPES = ("uint8", "int8", "float32")


class Picture(NamedTuple):
    """How an image lies in a tensor."""

    height: int
    width: int
    channels: int
    layout: Layout


def picture_of(shape: tuple[int, ...], size: tuple[int, int] | None = None) -> Picture | None:
    """Return how an image lies in a tensor of this shape; None where none does.

    Parameters
    ----------
    size
        The width and height of the image, for a shape that leaves them open, such as [1, 784].
    """
    if not shape or shape[0] != 1 or min(shape) < 1:
        return None
    if len(shape) == 4:
        if shape[3] in (1, 3):
            return Picture(shape[1], shape[2], shape[3], "nhwc")
        return Picture(shape[2], shape[3], shape[1], "nchw") if shape[1] in (1, 3) else None
    return _without_channels(shape, size[::-1] if size else None)


def _without_channels(shape: tuple[int, ...], sides: tuple[int, ...] | None) -> Picture | None:
    """Return how an image lies in [1, height, width] or [1, values]; `sides` are its height and width."""
    if len(shape) == 3:
        square = shape[1] == shape[2] >= LEAST_FLAT_SIDE
        return Picture(shape[1], shape[2], 1, "nhwc") if square or sides == shape[1:] else None
    for channels in (1, 3) if len(shape) == 2 else ():
        side = math.isqrt(shape[1] // channels)
        height, width = sides or (side, side)
        if height * width * channels == shape[1] and (sides or side >= LEAST_FLAT_SIDE):
            return Picture(height, width, channels, "nhwc")
    return None


def as_classifier(
    file: TfliteFile, source: str, output: str | None = None, size: tuple[int, int] | None = None
) -> TfliteFile:
    """Return a model file with one output, the one that has the scores, and the shape its input will have.

    Parameters
    ----------
    source
        What to call it in messages.
    output
        The name of the output, or its number from 0; None where there is only one.
    size
        Width and height for an input that leaves them open.

    Raises
    ------
    ModelError
        Where it does not take one image and give one score a class; the message says what it takes and gives.
    """
    if len(file.inputs) != 1 or not file.outputs:
        raise ModelError(
            f"{source} is no image classifier: it has {_count(len(file.inputs), 'input')} and "
            f"{_count(len(file.outputs), 'output')}, expected one image in and scores out"
        )
    image = sized(file.inputs[0], source, size)
    if picture_of(image.shape, size) is None:
        raise ModelError(
            f"{source} is no image classifier: its input has the shape {list(image.shape)}, expected "
            "[1, height, width, 1 or 3], [1, 1 or 3, height, width], or a square grey image without channels"
            + _other_size(image.shape, size)
        )
    chosen = replace(_pick(file, source, output), inputs=(image,))
    scores = chosen.outputs[0]
    if not scores.shape or scores.size != max(scores.shape) or scores.size < 1:
        raise ModelError(
            f"{source} is no image classifier: its output has the shape {list(scores.shape)}, "
            "expected [1, classes]"
        )
    for tensor in (image, scores):
        if tensor.dtype not in DTYPES:
            number = ": it has the best class's number, not scores" if "int" in tensor.dtype else ""
            raise ModelError(
                f"{source}: tensor {tensor.name} is {tensor.dtype}, expected uint8, int8 or float32"
                + (number if tensor is scores else "")
            )
    for tensor in (image, scores):
        if tensor.dtype != "float32" and not tensor.scale > 0 and not _is_raw(chosen, tensor):
            raise ModelError(
                f"{source}: tensor {tensor.name} is {tensor.dtype} but has no quantization scale"
            )
    return chosen


def is_open(image: Tensor) -> bool:
    """Whether an input leaves the image's height or width open: of any size, or of one pixel in the file."""
    shape, signature = image.shape, image.signature
    if len(shape) != 4:
        return False
    first = 1 if shape[3] in (1, 3) else 2
    sides, said = shape[first : first + 2], signature[first : first + 2]
    return sides == (1, 1) or (-1 in said and 1 in sides)


def sized(image: Tensor, source: str, size: tuple[int, int] | None) -> Tensor:
    """Return an image's input with the width and height of `size` where it leaves them open.

    Raises ModelError where it does and there is none, or where it does not and has another size.
    """
    if len(image.shape) != 4 or not is_open(image):
        picture = picture_of(image.shape, size)
        if size and picture and len(image.shape) == 4 and (picture.width, picture.height) != size:
            raise ModelError(
                f"{source} takes {picture.width}×{picture.height} pixels, so it can't get "
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
    """Return the file with the one output that was named, or that there is."""
    if output is None:
        if len(file.outputs) == 1:
            return file
        raise ModelError(
            f"{source} has {len(file.outputs)} outputs, {_outputs(file)}: choose the one with the scores by "
            "--output NAME; where none has them, it is no image classifier"
        )
    places = _places(file, output)
    if len(places) != 1:
        raise ModelError(
            f"{source} has no output {output!r}: it has {_outputs(file)}; choose by --output NAME"
        )
    place = places[0]
    return replace(
        file, outputs=(file.outputs[place],), output_places=(file.output_places[place],), output=place
    )


def _places(file: TfliteFile, output: str) -> list[int]:
    """Return which outputs a name means: a tensor's, its signature's, a part of one, or a number."""
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
    """Whether a tensor is the input and takes pixels as they are: uint8 that is cast before it is used."""
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


# What moves pixels and leaves them what they are.
_MOVING = ("RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS", "STRIDED_SLICE", "SLICE", "REVERSE_V2",
           "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "PAD", "GATHER")  # fmt: skip


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
