import numpy as np
import pytest

from edgecnn.tflite.quant import dequantize, int8_affine, pixel_table, quantize, real_range


def test_dequantize_widens_before_it_subtracts():
    values = np.array([-128, 0, 127], np.int8)
    assert dequantize(values, 0.5, 127).tolist() == [-127.5, -63.5, 0.0]


def test_quantize_clips_before_it_casts():
    assert quantize(np.array([-1e6, 0.0, 1e6]), 0.1, 3, "int8").tolist() == [-128, 3, 127]


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_there_and_back_is_within_half_a_step(dtype):
    zero_point = 10
    low, high = real_range(0.03, zero_point, dtype)
    real = np.linspace(low, high, 1001)
    back = dequantize(quantize(real, 0.03, zero_point, dtype), 0.03, zero_point)
    assert np.abs(back - real).max() <= 0.015 + 1e-5


def test_a_unit_range_with_scale_1_255_only_flips_the_sign_bit():
    table = pixel_table((0.0, 1.0), "int8", 1 / 255, -128)
    assert np.array_equal(table.view(np.uint8), np.arange(256, dtype=np.uint8) ^ 0x80)


def test_pixels_between_two_steps_stay_in_order():
    # The input of Coral's tf2_mobilenet_v2: its scale is 1/127.5 as float32.
    table = pixel_table((-1.0, 1.0), "uint8", float(np.float32(1 / 127.5)), 127)
    assert np.array_equal(table, np.arange(256))


def test_float_tables_reach_both_ends_exactly():
    table = pixel_table((-1.0, 1.0), "float32", 0.0, 0)
    assert table.dtype == np.float32
    assert (table[0], table[255]) == (-1.0, 1.0)


@pytest.mark.parametrize(("low", "high"), [(-3.0, 5.0), (0.5, 2.0), (-2.0, -1.0)])
def test_int8_spans_a_range_and_has_an_exact_zero(low, high):
    scale, zero_point = int8_affine(low, high)
    assert quantize(np.zeros(1), scale, zero_point, "int8")[0] == zero_point
    reached = real_range(scale, zero_point, "int8")
    assert reached[0] <= min(low, 0) + scale
    assert reached[1] >= max(high, 0) - scale
