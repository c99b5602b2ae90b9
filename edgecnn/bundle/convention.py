"""Infers from a bare `.tflite` how an image becomes its input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from edgecnn.bundle.classifier_file import image_shape
from edgecnn.bundle.edgecnn_metadata import read_edgecnn_metadata
from edgecnn.bundle.input_spec import GIVEN, Background, Color, Convention, Fit, Resize, span
from edgecnn.errors import ModelError
from edgecnn.tflite.quant import real_range

if TYPE_CHECKING:
    from edgecnn.bundle.input_spec import Given, Range
    from edgecnn.tflite.file import Tensor, TfliteFile

# Ranges that models are usually trained with, and how far a quantized input's range may differ from them.
COMMON_RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
RANGE_TOLERANCE = 0.02
# A plausible range covers at least this share of the values that a quantized input can represent.
_LEAST_SHARE = 0.1
_BY_EXPORT, _BY_SAMPLES = (
    "as edgecnn exported it",
    "as Coral's and TFLite's own samples do with a bare file",
)
# The keys of `edgecnn_metadata` for an input, and their values.
_INSIDE: dict[str, tuple[str, ...]] = {
    "fit": get_args(Fit), "resize": get_args(Resize), "color": get_args(Color),
    "background": get_args(Background),
}  # fmt: skip


class _Inferred(NamedTuple):
    ranges: tuple[Range, ...]
    reason: str
    ask: str = ""
    notices: tuple[str, ...] = ()


def find_convention(file: TfliteFile, given: Given) -> Convention:
    """Find how to fill a classifier's input: from what was given, otherwise from its file.

    `file` was returned by `as_classifier`: its input has its final shape.
    """
    image = file.inputs[0]
    found_shape = image_shape(image.shape, given.size)
    assert found_shape is not None  # noqa: S101 - or it would not be a classifier
    height, width, channels, layout = found_shape
    if given.color in ("rgb", "bgr") and channels == 1:
        raise ModelError(f"--color {given.color} is for three channels, but the model's input has one")
    inside = read_edgecnn_metadata(file)
    own: dict[str, Any] = {key: inside[key] for key, known in _INSIDE.items() if inside.get(key) in known}
    if channels == 1:
        own.pop("color", None)
    color: Color = given.color or own.get("color") or ("gray" if channels == 1 else "rgb")
    found = _ranges(file, given, channels)
    notices = list(found.notices)
    shape = f"the shape of its input, {'×'.join(map(str, image.shape))}"
    if len(image.shape) != 4:
        notices.append(
            f"its input {list(image.shape)} is taken for an image of {width}×{height} {color}: "
            "use --input-size WxH for another size"
        )
    many = f"its input has {channels} channel{'s' * (channels > 1)}"
    reasons = {
        "range": found.reason,
        "color": GIVEN if given.color else _BY_EXPORT if "color" in own else many,
        "fit": GIVEN if given.fit else _BY_EXPORT if "fit" in own else _BY_SAMPLES,
        "layout": shape,
    }
    spanned = span(found.ranges) if found.ranges else None
    return Convention(
        width, height, color, given.fit or own.get("fit", "stretch"), layout, spanned, reasons,
        found.ranges if len(found.ranges) > 1 else (), own.get("resize", "halved"), found.ask, tuple(notices),
        own.get("background", "white"),
    )  # fmt: skip


def show_ranges(value_range: Range, channel_ranges: tuple[Range, ...] = ()) -> str:
    """Return the values of pixels 0 and 255 in words: `0 and 1`."""
    pairs = channel_ranges or (value_range,)
    texts = [f"{plain(low)} and {plain(high)}" for low, high in pairs]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts)}, by channel"


def plain(value: float) -> str:
    """Return a number as text: no −0, at most six digits."""
    return f"{value + 0.0:.6g}"


def _ranges(file: TfliteFile, given: Given, channels: int) -> _Inferred:
    """Return the given ranges, or else the file's; add a notice if the two contradict each other."""
    asked = given.ranges()
    if not asked:
        return _inferred(file, channels)
    if len(asked) not in (1, channels):
        raise ModelError(
            f"--range has {len(asked)} ranges: give one, or one for each of the model's channels, {channels}"
        )
    quantized = first_quantized(file)
    if quantized is None or not quantized.scale:
        return _Inferred(asked, GIVEN)
    holds = real_range(quantized.scale, quantized.zero_point, quantized.dtype)
    whole = span(asked)
    slack = RANGE_TOLERANCE * (holds[1] - holds[0])
    lost = whole[0] < holds[0] - slack or whole[1] > holds[1] + slack
    tiny = whole[1] - whole[0] < _LEAST_SHARE * (holds[1] - holds[0])
    if not (lost or tiny):
        return _Inferred(asked, GIVEN)
    what = "most pixels become black or white" if lost else "all pixels become nearly the same"
    return _Inferred(
        asked, GIVEN, notices=(
            f"--range {_typed(asked)} contradicts the quantization of its input, which stands for "
            f"{_typed((holds,))}: {what}; {_advice(holds)}",
        ),
    )  # fmt: skip


def find_range(file: TfliteFile) -> tuple[Range | None, str]:
    """Find the range of real values that the model was trained with, and how that is known."""
    found = _inferred(file, 3)
    return (span(found.ranges) if found.ranges else None), found.reason


def first_quantized(file: TfliteFile) -> Tensor | None:
    """Return the quantized tensor that gets the image: the input, or the output of its first operator.

    None for a float network.
    """
    image = file.inputs[0]
    if image.dtype != "float32":
        return image
    readers = file.readers(file.input_places[0])
    if len(readers) == 1 and readers[0].name == "QUANTIZE":
        return file.tensors[readers[0].outputs[0]]
    return None


def _inferred(file: TfliteFile, channels: int) -> _Inferred:
    """Find the ranges in the metadata, or in the input's quantization if that contradicts them."""
    image, metadata = file.inputs[0], file.metadata
    quantized = first_quantized(file)
    if quantized is not None and not quantized.scale:
        return _Inferred(
            ((0.0, 255.0),), f"its input takes pixels as they are: {image.dtype} without a scale"
        )
    stored = quantized and _common(quantized)
    mean, std = metadata.mean, metadata.std
    if mean and std and all(std):
        means, stds = _each(mean, std)
        declared = tuple((-m / s, (255 - m) / s) for m, s in zip(means, stds, strict=True))
        fits = len(declared) in (1, channels)
        if (
            fits
            and all(low < high for low, high in declared)
            and (not stored or _near(span(declared), stored))
        ):
            return _Inferred(declared, f"its metadata: (pixel − {_listed(means)}) / {_listed(stds)}")
    if quantized is None:
        return _Inferred(
            (), "is a float model and does not say which range its input has",
            "add --range 0..1, --range -1..1 or --range 0..255, the one that it was trained with",
        )  # fmt: skip
    where = "its input's quantization" if quantized is image else "its first operator, which quantizes"
    if stored:
        return _Inferred(
            (stored,), f"{where}: scale {quantized.scale:.6g}, zero point {quantized.zero_point}"
        )
    holds = real_range(quantized.scale, quantized.zero_point, quantized.dtype)
    return _Inferred(
        (), f"has an input that stands for {_typed((holds,))}, which is none of the usual ranges",
        _advice(holds),
    )  # fmt: skip


def _each(mean: tuple[float, ...], std: tuple[float, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return as many means as deviations: one of each if channels do not differ."""
    count = max(len(mean), len(std))
    means, stds = (t * count if len(t) == 1 else t for t in (mean, std))
    if len(means) != len(stds):
        return means[:1], stds[:1]
    alike = len(set(means)) == 1 == len(set(stds))
    return (means[:1], stds[:1]) if alike else (means, stds)


def _listed(values: tuple[float, ...]) -> str:
    texts = [plain(v) for v in values]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _advice(holds: Range) -> str:
    """Return the ranges that an input which represents these values could have been trained with."""
    slack = RANGE_TOLERANCE * (holds[1] - holds[0])
    could = [
        r
        for r in COMMON_RANGES
        if r[0] >= holds[0] - slack
        and r[1] <= holds[1] + slack
        and r[1] - r[0] >= _LEAST_SHARE * (holds[1] - holds[0])
    ]
    options = [f"--range {_typed((r,))}" for r in (holds, *could)]
    listed = f"{', '.join(options[:-1])} or {options[-1]}" if len(options) > 1 else options[0]
    return f"add {listed}, the one that it was trained with"


def _typed(ranges: tuple[Range, ...]) -> str:
    """Return ranges as `--range` takes them."""
    return ",".join(f"{low + 0.0:.4g}..{high + 0.0:.4g}" for low, high in ranges)


def _common(image: Tensor) -> Range | None:
    """Return the usual range that a quantized tensor represents; None if it is another one."""
    found = real_range(image.scale, image.zero_point, image.dtype)
    return next((candidate for candidate in COMMON_RANGES if _near(found, candidate)), None)


def _near(a: Range, b: Range) -> bool:
    allowed = RANGE_TOLERANCE * (b[1] - b[0])
    return abs(a[0] - b[0]) <= allowed and abs(a[1] - b[1]) <= allowed
