import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from edgecnn.errors import RecipeError
from edgecnn.tflite.file import read_tflite
from edgecnn_train.fit import scaled
from edgecnn_train.quantize import (
    assert_parity,
    freeze_ranges,
    measure_parity,
    quantization_aware,
    twin_to_int8,
    without_rounding,
)
from edgecnn_train.quantize.qat import FakeQuant, FreezeRanges, fake_quant_channels
from tests.train.quantize.conftest import NETWORKS, classic, depthwise, train


def ranges(twin):
    return {x.name: (float(x.low), float(x.high)) for x in twin.layers if isinstance(x, FakeQuant)}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_file_answers_as_its_twin(workshop, name):
    parity = assert_parity(workshop.twin(name), workshop.twin_int8(name), workshop.test.images)
    assert parity.agreement >= 0.99
    assert parity.mean_steps <= 0.5
    file = read_tflite(workshop.twin_int8(name), name)
    assert file.float_tensors == ()
    assert (np.float32(file.inputs[0].scale), file.inputs[0].zero_point) == (np.float32(1 / 255), -128)
    assert (file.outputs[0].scale, file.outputs[0].zero_point) == (1 / 256, -128)
    # No operator more than post-training quantization has.
    assert file.operators == read_tflite(workshop.int8(name), name).operators


CLASSIC = "CONV_2D {0} {1} CONV_2D {0} {1} RESHAPE FULLY_CONNECTED {0} FULLY_CONNECTED SOFTMAX"
BLOCKS = (
    "CONV_2D {0} DEPTHWISE_CONV_2D CONV_2D {0} DEPTHWISE_CONV_2D CONV_2D {0} MEAN FULLY_CONNECTED SOFTMAX"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "operators"),
    [
        (lambda: depthwise("hard_silu"), BLOCKS.format("HARD_SWISH")),
        (lambda: classic("tanh"), CLASSIC.format("TANH", "MAX_POOL_2D")),
        (lambda: classic("sigmoid", layers.AveragePooling2D), CLASSIC.format("LOGISTIC", "AVERAGE_POOL_2D")),
    ],
    ids=["hard-swish", "tanh", "sigmoid"],
)
def test_every_activation_has_its_operator(workshop, build, operators):
    twin = quantization_aware(build(), workshop.calibration)
    content = twin_to_int8(twin)
    assert " ".join(read_tflite(content, "x").operators) == operators
    assert_parity(twin, content, workshop.test.images[:50])


@pytest.mark.parametrize("name", NETWORKS)
def test_untrained_the_twin_answers_as_the_network(workshop, name):
    network = workshop.network(name)
    twin = quantization_aware(network, workshop.calibration)
    images = scaled(workshop.test.images)
    expected, got = (m.predict(images, verbose=0) for m in (network, twin))
    assert np.mean(expected.argmax(1) == got.argmax(1)) >= 0.95
    assert np.abs(expected - got).mean() < 0.02


def test_training_learns_through_the_rounding(workshop):
    keras.utils.set_random_seed(3)
    twin = quantization_aware(classic(), workshop.calibration)
    losses = train(twin, workshop.train, 2, 3e-3)["loss"]
    assert losses[-1] < losses[0] < np.log(10)


def test_a_twin_is_saved_and_loaded_whole(workshop, tmp_path):
    twin = workshop.twin("depthwise")
    twin.save(tmp_path / "twin.keras")
    again = keras.models.load_model(tmp_path / "twin.keras")
    images = scaled(workshop.test.images[:20])
    np.testing.assert_array_equal(again.predict(images, verbose=0), twin.predict(images, verbose=0))
    assert ranges(again) == ranges(twin)


def test_ranges_follow_the_batches_until_they_are_frozen(workshop):
    twin = quantization_aware(workshop.network("classic"), workshop.calibration)
    started = ranges(twin)
    freeze_ranges(twin)
    train(twin, workshop.train, 1, 1e-3)
    assert ranges(twin) == started
    freeze_ranges(twin, frozen=False)
    train(twin, workshop.train, 1, 1e-3)
    moved = ranges(twin)
    assert moved["image_range"] == started["image_range"] == (0, 1)
    assert all(moved[name] != started[name] for name in started if name != "image_range")
    twin.fit(scaled(workshop.train.images), workshop.train.labels, verbose=0, callbacks=[FreezeRanges(0)])
    assert ranges(twin) == moved


def test_a_range_moves_by_a_tenth_and_always_holds_zero():
    layer = FakeQuant(-1.0, 1.0)
    layer.build((None, 2))
    layer(tf.constant([[3.0, 2.0]]), training=True)
    assert (float(layer.low), float(layer.high)) == (pytest.approx(-0.9), pytest.approx(1.2))


def test_gradients_pass_inside_the_range_and_end_outside():
    layer = FakeQuant(0.0, 1.0, moving=False)
    layer.build((None, 3))
    x = tf.constant([[-0.5, 0.301, 1.5]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    np.testing.assert_array_equal(tape.gradient(y, x), [[0, 1, 0]])
    np.testing.assert_allclose(y, [[0, 77 / 255, 1]], rtol=1e-6)


@pytest.mark.parametrize("most", [127, 63])
def test_kernels_are_rounded_to_so_many_steps_of_each_channel(most):
    kernel = np.random.default_rng(0).normal(0, 1, (3, 3, 2, 4)).astype(np.float32) * [1, 2, 4, 100]
    limit = np.abs(kernel).max(axis=(0, 1, 2))
    expected = np.round(kernel / limit * most) * limit / most
    rounded = fake_quant_channels(kernel.astype(np.float32), most)
    np.testing.assert_allclose(rounded, expected, rtol=1e-4, atol=1e-5)


def test_the_float_network_has_the_twins_weights_and_no_rounding(workshop):
    twin = workshop.twin("depthwise")
    plain = without_rounding(twin)
    assert all(type(layer).__module__.startswith("keras.") for layer in plain.layers)
    images = scaled(workshop.test.images)
    got, rounded = plain.predict(images, verbose=0), twin.predict(images, verbose=0)
    assert 0 < np.abs(got - rounded).mean() < 0.02
    assert measure_parity(plain, workshop.twin_int8("depthwise"), workshop.test.images).agreement > 0.9


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (layers.LayerNormalization(name="odd"), "a LayerNormalization has no fake-quantized"),
        (layers.Activation("gelu", name="odd"), "its activation gelu has no"),
        (layers.ReLU(4.0, name="odd"), "only ReLU and ReLU6"),
        (layers.BatchNormalization(name="odd"), "does not follow a convolution"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_layer_without_a_counterpart_is_named(workshop, layer, reason):
    image = keras.Input((32, 32, 3))
    x = layer(layers.MaxPooling2D(2)(image))
    network = keras.Model(image, layers.Dense(10, activation="softmax")(layers.Flatten()(x)))
    with pytest.raises(RecipeError, match=f"'odd': .*{reason}.*set quantize.method"):
        quantization_aware(network, workshop.calibration)
