"""Every file that a bundle gets, and what is known about them before they are measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.coral.operators import check_edge_tpu
from edgecnn_train.quantize.calibration import check_calibration, second_subset
from edgecnn_train.quantize.compact import compact
from edgecnn_train.quantize.finetune import to_int8_by_training
from edgecnn_train.quantize.ptq import to_dynamic_range, to_float16, to_float32, to_int8
from edgecnn_train.quantize.tensors import compare_tensors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn_train.progress import Show
    from edgecnn_train.quantize.calibration import CalibrationCheck
    from edgecnn_train.quantize.tensors import QuantizationReport
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.splits import Dataset

# What to do where another calibration set gives another accuracy.
_ADVICE = "more of them (--set quantize.calibration=N) or --set quantize.method=qat may help"
# Images that the layers are compared on; more of them change no decibel.
_COMPARED = 100


@dataclass(frozen=True, slots=True)
class Converted:
    """The `.tflite` files by variant, without metadata, int8 first.

    `second` is the comparison with other calibration images, None where training set the ranges or no
    image is left. `edge_tpu` says what would leave an Edge TPU, one line each.
    """

    files: dict[str, bytes]
    layers: QuantizationReport
    second: CalibrationCheck | None
    edge_tpu: tuple[str, ...]


def int8_of(
    model: Any, data: Dataset, recipe: Recipe, work: Path, say: Callable[[str], None], show: Show = "none"
) -> bytes:
    """Return the full-int8 file by the recipe's method: post-training, or quantization-aware training."""
    if recipe.quantize.method == "qat":
        say(f"training with the rounding of int8, {recipe.quantize.qat_epochs} epochs")
        return to_int8_by_training(model, data, recipe, work / "qat", say, show)
    split = "validation" if recipe.private.enabled else "training"
    say(f"quantizing with {len(data.calibration):,} images of the {split} split")
    return to_int8(model, data.calibration.images, data.input.value_range, recipe.quantize.weight_bits)


def convert(
    model: Any,
    data: Dataset,
    recipe: Recipe,
    work: Path,
    say: Callable[[str], None],
    show: Show = "none",
) -> Converted:
    """Convert a trained float network into int8, float32, and the variants that the recipe asks for.

    Quantization-aware training keeps its checkpoints in `work`, and continues from them. Raises GateError
    where its int8 does not answer as it was trained.
    """
    files = files_of(model, data, recipe, work, say, show)
    qat = recipe.quantize.method == "qat"
    second = None if qat else _with_others(model, data, recipe, files["int8"], say)
    # Not those that set the ranges: none of their values is beyond them.
    compared = data.apart.sample(_COMPARED, recipe.train.seed)
    layers = compare_tensors(files["int8"], files["float32"], compared.images, data.input.value_range)
    worst = layers.worst
    say(f"int8 is least exact in layer {worst.name}: signal-to-noise ratio {worst.own_snr_db:.0f} dB")
    warnings = check_edge_tpu(files["int8"], recipe.name).warnings
    for line in warnings:
        say(f"warning: {line}")
    return Converted(files, layers, second, warnings)


def files_of(
    model: Any, data: Dataset, recipe: Recipe, work: Path, say: Callable[[str], None], show: Show = "none"
) -> dict[str, bytes]:
    """Return the `.tflite` files by variant, without metadata, int8 first."""
    table = {"float32": to_float32, "float16": to_float16, "dynamic_range": to_dynamic_range}
    files = {"int8": int8_of(model, data, recipe, work, say, show)}
    files |= {name: table[name](model) for name in ("float32", *recipe.quantize.variants)}
    return {name: compact(content) for name, content in files.items()}


def _with_others(
    model: Any, data: Dataset, recipe: Recipe, int8: bytes, say: Callable[[str], None]
) -> CalibrationCheck | None:
    """Quantize by other images of the same split, and report whether the accuracy changes."""
    pool = data.validation if recipe.private.enabled else data.train
    others = second_subset(pool, data.calibration, recipe.train.seed)
    if others is None or not len(data.validation):
        return None
    second = check_calibration(
        model, data.calibration, others, data.validation, int8, data.input.value_range,
        recipe.quantize.weight_bits,
    )  # fmt: skip
    say(second.summary)
    if not second.suffices:
        say(f"warning: the calibration images do not suffice: {_ADVICE}")
    return second
