import numpy as np
import pytest

from edgecnn.errors import RecipeError
from edgecnn.tflite.file import read_tflite
from edgecnn.tflite.writer import pack_model, unpack_model
from edgecnn_train.batches import scaled
from edgecnn_train.quantize import assert_parity, quantization_aware, to_int8, twin_to_int8
from edgecnn_train.quantize.compact import WEIGHTED, operator_name
from edgecnn_train.quantize.graph import match, open_whole, read_operators, run_image
from edgecnn_train.quantize.narrow import most_steps, narrow_weights
from edgecnn_train.quantize.parity import answers
from tests.train.quantize.conftest import NETWORKS


def narrowed(workshop, name: str, bits: int = 7) -> bytes:
    images = scaled(workshop.calibration)
    return narrow_weights(workshop.int8(name), workshop.float32(name), bits, images)


def weights(content: bytes) -> list[np.ndarray]:
    model = unpack_model(content)
    graph = model.subgraphs[0]
    kernels = [
        graph.tensors[step.inputs[1]] for step in graph.operators if operator_name(model, step) in WEIGHTED
    ]
    return [np.asarray(model.buffers[k.buffer].data, np.uint8).view(np.int8) for k in kernels]


def largest(content: bytes) -> list[int]:
    return [int(np.abs(kernel.astype(int)).max()) for kernel in weights(content)]


def test_sums_of_two_products_fit_into_16_bits():
    assert most_steps(8) == 127
    assert 2 * 255 * most_steps(8) > np.iinfo(np.int16).max
    assert 2 * 255 * most_steps(7) <= np.iinfo(np.int16).max


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_use_fewer_steps_and_answers_hardly_change(workshop, name):
    int8 = workshop.int8(name)
    narrow = narrowed(workshop, name)
    assert max(largest(int8)) == 127
    assert set(largest(narrow)) == {63}
    before, after = read_tflite(int8, name), read_tflite(narrow, name)
    assert after.operators == before.operators
    assert (after.inputs[0].scale, after.outputs[0].scale) == (
        before.inputs[0].scale,
        before.outputs[0].scale,
    )
    images = workshop.test.images
    first, second = answers(int8, images), answers(narrow, images)
    assert np.mean(first.argmax(axis=1) == second.argmax(axis=1)) >= 0.95


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_is_the_floats_nearest_step(workshop, name):
    narrow = narrowed(workshop, name)
    pairs = match(read_operators(narrow), read_operators(workshop.float32(name)))
    weighted = [(mine, real) for mine, real in pairs if mine.kernel is not None]
    assert len(weighted) == len(weights(narrow))
    for mine, real in weighted:
        error, most = np.abs(mine.kernel - real.kernel), np.abs(real.kernel).max()
        assert error.max() <= most / 63 / 2 * 1.001


@pytest.mark.parametrize("name", NETWORKS)
def test_biases_take_back_what_rounding_shifts(workshop, name):
    """The mean of each logit is closer to the float network's with the correction than without."""
    narrow = narrowed(workshop, name)
    means = {"float32": logits(workshop.float32(name), workshop), "corrected": logits(narrow, workshop)}
    model = unpack_model(narrow)
    graph = model.subgraphs[0]
    for mine, real in match(read_operators(narrow), read_operators(workshop.float32(name))):
        if mine.kernel is not None:
            step = next(op for op in graph.operators if int(op.outputs[0]) == mine.output)
            bias = graph.tensors[step.inputs[2]]
            plain = np.round(real.bias / np.asarray(bias.quantization.scale, np.float64)).astype("<i4")
            model.buffers[bias.buffer].data = np.frombuffer(plain.tobytes(), np.uint8)
    means["plain"] = logits(pack_model(model), workshop)
    far = {key: np.abs(means[key] - means["float32"]).mean() for key in ("plain", "corrected")}
    assert far["corrected"] < far["plain"]


def logits(content: bytes, workshop) -> np.ndarray:
    """The mean logits of the calibration images, less their own mean."""
    interpreter = open_whole(content)
    last = [operator for operator in read_operators(content) if operator.kernel is not None][-1]
    total = 0.0
    for image in workshop.calibration:
        is_int8 = last.output_scale > 0
        run_image(interpreter, (image ^ 0x80).view(np.int8) if is_int8 else scaled(image))
        values = interpreter.get_tensor(last.output).reshape(-1).astype(np.float64)
        total = total + ((values - last.output_zero_point) * last.output_scale if is_int8 else values)
    mean = total / len(workshop.calibration)
    return mean - mean.mean()


def test_eight_bits_change_no_weight_by_more_than_a_step(workshop):
    int8 = workshop.int8("residual")
    again = narrowed(workshop, "residual", 8)
    for a, b in zip(weights(int8), weights(again), strict=True):
        assert np.abs(a.astype(int) - b.astype(int)).max() <= 1


def test_the_converter_and_training_both_narrow(workshop):
    ptq = to_int8(workshop.network("classic"), workshop.calibration, weight_bits=7)
    assert set(largest(ptq)) == {63}
    twin = quantization_aware(workshop.network("classic"), workshop.calibration, weight_bits=7)
    trained = twin_to_int8(twin)
    assert set(largest(trained)) == {63}
    assert_parity(twin, trained, workshop.test.images)


def test_another_networks_weights_are_refused(workshop):
    with pytest.raises(RecipeError, match="can't be 7: .* has no twin"):
        narrow_weights(
            workshop.int8("classic"), workshop.float32("residual"), 7, scaled(workshop.calibration)
        )
