"""Float Keras model → TFLite files, and what the rounding costs."""

from edgecnn_train.quantize.fold import fold_batch_norm
from edgecnn_train.quantize.ptq import to_dynamic_range, to_float16, to_float32, to_int8
from edgecnn_train.quantize.qat import FreezeRanges, freeze_ranges, quantization_aware, twin_to_int8
