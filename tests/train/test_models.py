import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgecnn.bundle.input_spec import InputSpec
from edgecnn.errors import RecipeError
from edgecnn.tflite.file import read_tflite
from edgecnn_train.models import build
from edgecnn_train.models.classic import default_filters
from edgecnn_train.models.layers import activation, scaled
from edgecnn_train.quantize import to_int8
from edgecnn_train.recipe import ModelSpec
from edgecnn_train.recipe_file import read_recipe
from edgecnn_train.registry import ACTIVATIONS as REGISTERED

GREY28 = InputSpec(28, 28, "gray", "crop", "staged", (0.0, 1.0))
RGB32 = InputSpec(32, 32, "rgb", "crop", "staged", (0.0, 1.0))
RGB96 = InputSpec(96, 96, "rgb", "crop", "staged", (0.0, 1.0))


def test_the_classic_recipe_is_the_textbooks_network_layer_by_layer():
    model = build(read_recipe("mnist-classic").model, GREY28, 10)
    layers = [type(layer).__name__ for layer in model.layers]
    assert layers == [
        "InputLayer",
        "Conv2D",
        "MaxPooling2D",
        "Conv2D",
        "MaxPooling2D",
        "Flatten",
        "Dense",
        "Dense",
    ]
    assert model.input_shape == (None, 28, 28, 1)
    conv1, conv2 = model.layers[1], model.layers[3]
    assert (conv1.filters, conv1.kernel_size, conv2.filters, conv2.kernel_size) == (32, (3, 3), 64, (3, 3))
    assert (model.layers[6].units, model.layers[7].units) == (64, 10)
    activations = [model.layers[i].activation.__name__ for i in (1, 3, 6, 7)]
    assert activations == ["relu", "relu", "relu", "softmax"]
    assert model.count_params() == 121_930


def test_pooling_activation_and_dropout_are_the_recipes():
    model = build(ModelSpec(filters=(4,), pool="average", activation="tanh", dropout=0.5), GREY28, 3)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert "AveragePooling2D" in kinds
    assert "Dropout" in kinds
    assert model.layers[1].activation.__name__ == "tanh"
    out = model(np.zeros((2, 28, 28, 1), np.float32)).numpy()
    assert out.shape == (2, 3)
    assert np.allclose(out.sum(axis=1), 1)


@pytest.mark.parametrize(("side", "filters"), [(28, (32, 64)), (32, (32, 64)), (96, (16, 32, 64, 64))])
def test_default_filters_follow_the_size(side, filters):
    assert default_filters(side, 3) == filters
    spec = GREY28._replace(width=side, height=side, color="rgb")
    flat = next(layer for layer in build(ModelSpec(), spec, 6).layers if type(layer).__name__ == "Flatten")
    assert flat.output.shape[1] <= 36 * filters[-1]


def test_too_many_convolutions_are_refused():
    with pytest.raises(RecipeError, match="too many for 28×28 pixels"):
        build(ModelSpec(filters=(8, 8, 8, 8)), GREY28, 10)


@pytest.mark.parametrize("family", ["resnet", "ds_cnn"])
def test_stages_need_both_filters_and_blocks(family):
    with pytest.raises(RecipeError, match="3 stages and model.blocks 2"):
        build(ModelSpec(family=family, filters=(8, 8, 8), blocks=(1, 1)), RGB32, 10)


def test_a_stem_of_stride_two_halves_the_image_again():
    plain, halved = (
        build(ModelSpec("resnet", filters=(8, 16), blocks=(0, 1), stem_stride=stride), RGB32, 10)
        for stride in (1, 2)
    )
    assert plain.get_layer("stem").output.shape == (None, 32, 32, 8)
    assert halved.get_layer("stem").output.shape == (None, 16, 16, 8)
    assert plain.count_params() == halved.count_params()


def test_a_width_scales_channels_once_to_multiples_of_eight():
    assert [scaled(32, w) for w in (0.25, 0.5, 1.0, 1.4, 2.0)] == [8, 16, 32, 48, 64]
    assert scaled(64, 0.35) == 24
    assert scaled(3, 0.1) == 8
    half = build(ModelSpec(filters=(32, 64), dense=(64,), width=0.5), GREY28, 10)
    assert [layer.filters for layer in half.layers if hasattr(layer, "filters")] == [16, 32]
    assert half.get_layer("dense1").units == 32
    for family in ("resnet8", "mobilenet_v1", "ds_cnn"):
        counts = [build(ModelSpec(family=family, width=w), RGB32, 10).count_params() for w in (0.5, 1.0)]
        assert 3 < counts[1] / counts[0] < 4, family  # most layers have a quarter of the weights


# Published sizes: MLPerf Tiny's image classifier, He et al. 2016 (table 6), Howard et al. 2017 (0.47 M with
# 1,000 classes, 0.21 M for two), Sandler et al. 2018 (2.2 M without its 1,000 classes).
@pytest.mark.parametrize(
    ("spec", "image", "classes", "least", "most"),
    [
        (ModelSpec("resnet8"), RGB32, 10, 77_000, 79_000),
        (ModelSpec("resnet20"), RGB32, 10, 0.265e6, 0.280e6),
        (ModelSpec("mobilenet_v1", width=0.25), RGB96, 2, 0.21e6, 0.23e6),
        (ModelSpec("mobilenet_v1", width=0.25), RGB96, 1000, 0.46e6, 0.48e6),
        (ModelSpec("mobilenet_v2"), RGB96, 10, 2.2e6, 2.3e6),
        (ModelSpec("ds_cnn"), RGB32, 10, 20_000, 26_000),
    ],
    ids=lambda value: getattr(value, "family", None),
)
def test_families_have_their_published_size(spec, image, classes, least, most):
    assert least <= build(spec, image, classes).count_params() <= most


# Every family in int8, and every activation in one of them.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "image"),
    [
        (ModelSpec("classic", filters=(4, 8), dense=(8,), activation="sigmoid", pool="average"), GREY28),
        (ModelSpec("resnet", filters=(8, 8), blocks=(0, 1), activation="tanh"), RGB32),
        (ModelSpec("resnet", filters=(8, 8), blocks=(0, 1), stem_stride=2), RGB32),
        (ModelSpec("resnet8"), RGB32),
        (ModelSpec("resnet20", width=0.25), RGB32),
        (ModelSpec("mobilenet_v1", width=0.25, activation="relu6"), RGB32),
        (ModelSpec("mobilenet_v2", width=0.25, activation="relu6"), RGB32),
        (ModelSpec("ds_cnn", width=0.25, activation="hard_swish", dropout=0.2), GREY28),
    ],
    ids=lambda value: getattr(value, "family", None),
)
def test_every_family_becomes_int8_throughout_and_runs(spec, image):
    keras.utils.set_random_seed(0)
    model = build(spec, image, 10)
    channels = 1 if image.color == "gray" else 3
    shape = (8, image.height, image.width, channels)
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    content = to_int8(model, images)
    file = read_tflite(content, spec.family)
    assert file.float_tensors == ()
    assert (file.inputs[0].dtype, file.outputs[0].dtype) == ("int8", "int8")
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    image_in, scores = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    expected = model.predict(images / np.float32(255), verbose=0)
    got = []
    for pixels in images:
        interpreter.set_tensor(image_in["index"], (pixels ^ 0x80).view(np.int8)[None])
        interpreter.invoke()
        got.append(interpreter.get_tensor(scores["index"])[0] / 256 + 0.5)
    assert np.abs(np.array(got) - expected).mean() < 0.03
    if spec.family == "resnet8":
        assert file.macs == 12_501_632, "MLPerf Tiny's"


RELU6 = {"relu6": lambda x: np.clip(x, 0, 6)}
ACTIVATIONS = RELU6 | {
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "linear": lambda x: x,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_its_formula(name):
    x = np.linspace(-8, 8, 65, dtype=np.float32)
    assert set(REGISTERED) | {"linear"} == set(ACTIVATIONS)
    assert np.asarray(activation(x, name, name)) == pytest.approx(ACTIVATIONS[name](x), abs=1e-6)


RNG = np.random.default_rng(1)


def used(model, name):
    """A layer of a family, with random weights, and a random input that fits it."""
    layer = model.get_layer(name)
    layer.set_weights([RNG.uniform(0.1, 1, w.shape) for w in layer.get_weights()])
    shape = layer.input.shape if not isinstance(layer.input, list) else layer.input[0].shape
    return layer, RNG.normal(size=(2, *shape[1:])).astype(np.float32)


def windows(x, size, stride, same):
    """Every window of an image, N×H×W×size×size×C; `same` pads as TensorFlow does, the odd pixel last."""
    if same:
        pads = [max(0, (-(-n // stride) - 1) * stride + size - n) for n in x.shape[1:3]]
        x = np.pad(x, ((0, 0), *((p // 2, p - p // 2) for p in pads), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    return view[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)


CLASSIC = build(ModelSpec(filters=(4,), dense=(5,), dropout=0.4), GREY28, 3)
RESNET = build(ModelSpec("resnet8"), RGB32, 10)
SEPARABLE = build(ModelSpec("ds_cnn", width=0.25), RGB32, 10)


def test_convolutions_are_their_formula():
    layer, x = used(CLASSIC, "conv1")
    kernel, bias = layer.get_weights()
    expected = np.einsum("nhwyxc,yxcf->nhwf", windows(x, 3, 1, same=False), kernel) + bias
    assert layer(x).numpy() == pytest.approx(np.maximum(expected, 0), abs=1e-4)
    layer, x = used(RESNET, "stage2_block1_conv1")  # at every second pixel
    expected = np.einsum("nhwyxc,yxcf->nhwf", windows(x, 3, 2, same=True), layer.get_weights()[0])
    assert layer(x).numpy() == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_depthwise_separable_convolutions_are_their_formula():
    layer, x = used(SEPARABLE, "stage2_block1_depthwise")
    (kernel,) = layer.get_weights()
    expected = np.einsum("nhwyxc,yxc->nhwc", windows(x, 3, 2, same=True), kernel[..., 0])
    assert layer(x).numpy() == pytest.approx(expected, rel=1e-4, abs=1e-4)
    layer, x = used(SEPARABLE, "stage2_block1_pointwise")
    assert layer(x).numpy() == pytest.approx(x @ layer.get_weights()[0][0, 0], rel=1e-4, abs=1e-4)


def test_pooling_is_its_formula():
    average = build(ModelSpec(filters=(4,), pool="average"), GREY28, 3)
    for model, kind in ((CLASSIC, np.max), (average, np.mean)):
        layer, x = used(model, "pool1")
        assert layer(x).numpy() == pytest.approx(kind(windows(x, 2, 2, same=False), axis=(3, 4)), abs=1e-5)
    layer, x = used(RESNET, "global_pool")
    assert layer(x).numpy() == pytest.approx(x.mean(axis=(1, 2)), abs=1e-5)


def test_dense_layers_and_softmax_are_their_formula():
    layer, x = used(CLASSIC, "probability")
    kernel, bias = layer.get_weights()
    logits = np.exp(x @ kernel + bias)
    assert layer(x).numpy() == pytest.approx(logits / logits.sum(axis=1, keepdims=True), abs=1e-5)
    layer, x = used(CLASSIC, "dense1")
    kernel, bias = layer.get_weights()
    assert layer(x).numpy() == pytest.approx(np.maximum(x @ kernel + bias, 0), rel=1e-4, abs=1e-4)


def test_batch_normalization_is_its_formula_in_both_modes():
    layer, x = used(RESNET, "stem_bn")
    gamma, beta, mean, variance = layer.get_weights()
    expected = gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta
    assert layer(x).numpy() == pytest.approx(expected, abs=1e-4)
    own_mean, own_variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    expected = gamma * (x - own_mean) / np.sqrt(own_variance + 1e-3) + beta
    assert layer(x, training=True).numpy() == pytest.approx(expected, abs=1e-4)
    moved = layer.get_weights()
    assert moved[2] == pytest.approx(0.9 * mean + 0.1 * own_mean, abs=1e-5)
    assert moved[3] == pytest.approx(0.9 * variance + 0.1 * own_variance, rel=1e-3)


def test_dropout_drops_at_its_rate_and_scales_up_the_rest():
    layer = CLASSIC.get_layer("dropout")
    x = np.ones((400, 50), np.float32)
    assert np.array_equal(layer(x), x), "nothing is dropped when it is used"
    dropped = layer(x, training=True).numpy()
    kept = dropped != 0
    assert kept.mean() == pytest.approx(0.6, abs=0.02)
    assert dropped[kept] == pytest.approx(1 / 0.6)


def test_a_residual_block_adds_its_input():
    layer = RESNET.get_layer("stage1_block1_add")
    assert [t._keras_history.operation.name for t in layer.input] == ["stem_relu", "stage1_block1_conv2_bn"]
    a, b = RNG.normal(size=(2, 1, 4, 4, 3)).astype(np.float32)
    assert layer([a, b]).numpy() == pytest.approx(a + b)
    projected = RESNET.get_layer("stage2_block1_add").input
    assert projected[0]._keras_history.operation.name == "stage2_block1_shortcut_bn"
