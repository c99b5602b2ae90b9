"""Float Keras model → TFLite files, and what the rounding costs.

`ptq` converts (float32, float16, dynamic range, int8 after training), `narrow` gives int8's weights fewer
steps; `qat` and `finetune` train with the rounding, and `parity` guards that; `compact` makes files small;
`tensors` finds a bad layer; `calibration` checks whether the calibration images suffice. `variants` makes
every file of a bundle.
"""

from edgecnn_train.models.fold import fold_batch_norm
from edgecnn_train.quantize.calibration import CalibrationCheck, check_calibration, second_subset
from edgecnn_train.quantize.compact import compact
from edgecnn_train.quantize.parity import Parity, assert_parity, measure_parity
from edgecnn_train.quantize.ptq import to_dynamic_range, to_float16, to_float32, to_int8
from edgecnn_train.quantize.qat import (
    FreezeRanges,
    freeze_ranges,
    quantization_aware,
    twin_to_int8,
    without_rounding,
)
from edgecnn_train.quantize.tensors import QuantizationReport, compare_tensors
from edgecnn_train.quantize.variants import Converted, convert

__all__ = [
    "CalibrationCheck",
    "Converted",
    "FreezeRanges",
    "Parity",
    "QuantizationReport",
    "assert_parity",
    "check_calibration",
    "compact",
    "compare_tensors",
    "convert",
    "fold_batch_norm",
    "freeze_ranges",
    "measure_parity",
    "quantization_aware",
    "second_subset",
    "to_dynamic_range",
    "to_float16",
    "to_float32",
    "to_int8",
    "twin_to_int8",
    "without_rounding",
]
