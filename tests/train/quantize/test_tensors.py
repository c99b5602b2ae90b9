import json

import numpy as np
import pytest

from edgecnn_train.quantize import compare_tensors, to_float32, to_int8, twin_to_int8
from edgecnn_train.quantize.graph import match, read_operators
from edgecnn_train.quantize.parity import answers
from tests.train.quantize.conftest import NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_is_matched_and_none_is_bad(workshop, name):
    report = compare_tensors(workshop.int8(name), workshop.float32(name), workshop.test.images[:30])
    assert report.only_int8 == report.only_float == ()
    assert len(report.layers) == len(read_operators(workshop.int8(name)))
    assert report.layers[-1].operator == "SOFTMAX"
    own = [t.own_snr_db for t in report.layers[:-1]]
    assert own == sorted(own)
    assert report.worst.own_snr_db > 20
    for t in report.layers:
        assert t.snr_db > 12
        assert t.saturation < 0.1
        assert t.int8_high - t.int8_low == pytest.approx(255 * t.scale)
        if t.weights is not None:
            assert t.weights.snr_db > 40
            assert t.weights.spread >= 1


@pytest.mark.slow
def test_the_numbers_are_those_of_the_files_run_separately(workshop):
    images = workshop.test.images[:40]
    int8, float32 = workshop.int8("residual"), workshop.float32("residual")
    real, rounded = answers(float32, images), answers(int8, images)
    last = next(t for t in compare_tensors(int8, float32, images).layers if t.operator == "SOFTMAX")
    # Kernels round differently by a step here and there.
    expected = 10 * np.log10((real**2).sum() / ((real - rounded) ** 2).sum())
    assert last.snr_db == pytest.approx(expected, abs=1)
    assert last.mean_steps == pytest.approx(np.abs(real - rounded).mean() * 256, rel=0.2)
    assert (last.low, last.high) == (pytest.approx(real.min(), abs=1e-5), pytest.approx(real.max(), abs=1e-5))
    assert (last.scale, last.zero_point) == (1 / 256, -128)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layer"), [("residual", "stage2_conv1_act"), ("depthwise", "b1_dw_act")])
def test_a_range_that_was_blown_up_is_named_the_worst(workshop, name, layer):
    twin = workshop.copy(workshop.twin(name))
    bad = twin.get_layer(f"{layer}_range")
    bad.high.assign(bad.high * 100)
    report = compare_tensors(twin_to_int8(twin), workshop.twin_float32(name), workshop.test.images[:20])
    assert report.worst.name == layer.removesuffix("_act")
    assert report.worst.own_snr_db < 15 < report.layers[1].own_snr_db


def test_a_range_that_is_too_small_shows_as_saturation(workshop):
    twin = workshop.copy(workshop.twin("classic"))
    bad = twin.get_layer("conv2_range")
    bad.high.assign(bad.high * 0.1)
    report = compare_tensors(twin_to_int8(twin), workshop.twin_float32("classic"), workshop.test.images[:20])
    by_name = {t.name: t for t in report.layers}
    assert by_name["conv2"].saturation > 0.1
    assert by_name["conv1"].saturation < 0.05
    assert report.worst.name in ("conv2", "pool2", "flatten"), "they share one range"


def test_an_outlier_among_the_weights_is_named_the_worst(workshop):
    network = workshop.copy(workshop.network("classic"))
    kernel, bias = network.get_layer("conv2").get_weights()
    kernel[1, 1, 0, 3] = 300 * np.abs(kernel).max()
    network.get_layer("conv2").set_weights([kernel, bias])
    report = compare_tensors(
        to_int8(network, workshop.calibration), to_float32(network), workshop.test.images[:20]
    )
    by_name = {t.name: t for t in report.layers}
    assert report.worst.name == "conv2"
    assert by_name["conv2"].own_snr_db < by_name["conv1"].own_snr_db - 20
    assert by_name["conv2"].weights.spread > 100


@pytest.mark.slow
def test_what_only_one_file_has_is_said(workshop):
    operators = read_operators(workshop.float32("residual"))
    fewer = [o for o in operators if o.name != "stage2_conv2"]
    pairs = match(fewer, operators)
    assert [a.name for a, _ in pairs] == [b.name for _, b in pairs] == [o.name for o in fewer]
    # Branches may change places.
    swapped = list(operators)
    i, j = ([o.name for o in operators].index(n) for n in ("stage3_skip", "stage3_conv2"))
    swapped[i], swapped[j] = swapped[j], swapped[i]
    pairs = match(swapped, operators)
    assert len(pairs) == len(operators)
    assert all(a.name == b.name for a, b in pairs)
    other = compare_tensors(workshop.int8("classic"), workshop.float32("residual"), workshop.test.images[:2])
    assert "dense1 (FULLY_CONNECTED)" in other.only_int8
    assert "stage1_add (ADD)" in other.only_float
    assert "Only in the float file, so not compared: " in other.markdown()


def test_the_report_is_json_and_a_table_with_the_worst_first(workshop):
    report = compare_tensors(workshop.int8("classic"), workshop.float32("classic"), workshop.test.images[:5])
    assert json.loads(json.dumps(report.as_dict()))["layers"][0]["name"] == report.worst.name
    table = [line for line in report.markdown().splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(report.layers)
    assert len({line.count("|") for line in table}) == 1
    assert table[2].startswith(f"| {report.worst.name} |")
