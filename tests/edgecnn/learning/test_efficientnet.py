import shutil

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgecnn.classify.loader import load
from edgecnn.dataset.duplicates import unit
from edgecnn.errors import OutputError
from edgecnn.image.file import read_image
from edgecnn.learning.efficientnet import EMBEDDING, SIDES, VALUE_RANGE, efficientnet_lite0
from edgecnn.learning.embedder import Embedder
from edgecnn.learning.pretrained import PRETRAINED, make_pretrained
from edgecnn.learning.trunk import open_trunk
from edgecnn.learning.weights import efficientnet_lite0_weights
from edgecnn.tflite.builder import GraphBuilder
from edgecnn.tflite.file import read_tflite

# Of each of the 16 blocks: its kernel, the channels before it, expanded and after it.
BLOCKS = [
    (3, 32, 32, 16), (3, 16, 96, 24), (3, 24, 144, 24), (5, 24, 144, 40), (5, 40, 240, 40), (3, 40, 240, 80),
    (3, 80, 480, 80), (3, 80, 480, 80), (5, 80, 480, 112), (5, 112, 672, 112), (5, 112, 672, 112),
    (5, 112, 672, 192), (5, 192, 1152, 192), (5, 192, 1152, 192), (5, 192, 1152, 192), (3, 192, 1152, 320),
]  # fmt: skip
CLASSES = 7


def random_weights():
    """Weights of the right shapes, with seven classes."""
    rng = np.random.default_rng(0)
    found = {}

    def conv(name, norm, out, per_group, kernel):
        shape = (out, per_group, kernel, kernel)
        found[f"{name}.weight"] = rng.normal(0, (2 / (per_group * kernel * kernel)) ** 0.5, shape)
        found[f"{norm}.weight"] = rng.uniform(0.5, 1.5, out)
        found[f"{norm}.bias"] = rng.normal(0, 0.1, out)
        found[f"{norm}.running_mean"] = rng.normal(0, 0.1, out)
        found[f"{norm}.running_var"] = rng.uniform(0.5, 2, out)

    conv("_conv_stem", "_bn0", 32, 3, 3)
    for k, (kernel, before, expanded, after) in enumerate(BLOCKS):
        block = f"_blocks.{k}."
        if expanded != before:
            conv(f"{block}_expand_conv", f"{block}_bn0", expanded, before, 1)
        conv(f"{block}_depthwise_conv", f"{block}_bn1", expanded, 1, kernel)
        conv(f"{block}_project_conv", f"{block}_bn2", after, expanded, 1)
    conv("_conv_head", "_bn1", 1280, 320, 1)
    found["_fc.weight"], found["_fc.bias"] = rng.normal(0, 0.05, (CLASSES, 1280)), rng.normal(0, 1, CLASSES)
    return {name: value.astype(np.float32) for name, value in found.items()}


@pytest.fixture(scope="module")
def weights():
    return random_weights()


def test_the_graph_has_the_layers_of_the_paper(weights):
    file = read_tflite(efficientnet_lite0(weights, 64), "x")
    assert file.inputs[0].shape == (1, 64, 64, 3)
    assert file.outputs[0].shape == (1, CLASSES)
    tensors = {t.name: t for t in file.tensors}
    assert tensors["stem"].shape == (1, 32, 32, 32)
    sides = [32, 16, 16, 8, 8, 4, 4, 4, 4, 4, 4, 2, 2, 2, 2, 2]
    for k, (side, block) in enumerate(zip(sides, BLOCKS, strict=True), 1):
        assert tensors[f"block{k}/depthwise"].shape == (1, side, side, block[2]), k
        assert tensors[f"block{k}/project"].shape == (1, side, side, block[3]), k
    assert tensors["embedding"].shape == (1, EMBEDDING)
    # Blocks that keep their shape add their input.
    added = [k for k in range(1, 17) if f"block{k}/add" in tensors]
    assert added == [3, 5, 7, 8, 10, 11, 13, 14, 15]
    assert file.operators.count("DEPTHWISE_CONV_2D") == 16
    assert file.operators.count("CONV_2D") == 2 + 15 + 16
    assert file.operators[-3:] == ("MEAN", "FULLY_CONNECTED", "SOFTMAX")


def test_it_is_as_large_as_published(weights):
    """EfficientNet-Lite0 has 407 million multiplications at 224 pixels (TensorFlow's tpu repository)."""
    whole = {**weights, "_fc.weight": np.zeros((1000, 1280)), "_fc.bias": np.zeros(1000)}
    macs = read_tflite(efficientnet_lite0(whole, 224), "x").macs
    assert 0.36e9 < macs < 0.42e9
    assert set(SIDES) == set(PRETRAINED.values())


def test_the_stem_is_a_convolution_with_its_batch_normalization(weights):
    """The folded convolution equals a convolution and then a normalization, computed step by step."""
    data = efficientnet_lite0(weights, 32)
    file = read_tflite(data, "x")
    place = next(k for k, t in enumerate(file.tensors) if t.name == "stem")
    builder, at = GraphBuilder.onto(data, place)
    interpreter = Interpreter(model_content=builder.finish(builder.inputs, [at], "stem"))
    interpreter.allocate_tensors()
    image = np.random.default_rng(1).uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    # SAME with stride 2 and an even side pads below and on the right only.
    padded = np.pad(image[0], ((0, 1), (0, 1), (0, 0)))
    kernel = weights["_conv_stem.weight"].transpose(0, 2, 3, 1)
    expected = np.zeros((16, 16, 32))
    for y in range(16):
        for x in range(16):
            patch = padded[2 * y : 2 * y + 3, 2 * x : 2 * x + 3]
            expected[y, x] = (kernel * patch).sum(axis=(1, 2, 3))
    expected = (expected - weights["_bn0.running_mean"]) / np.sqrt(weights["_bn0.running_var"] + 1e-3)
    expected = expected * weights["_bn0.weight"] + weights["_bn0.bias"]
    np.testing.assert_allclose(found[0], expected.clip(0, 6), atol=1e-4)


def test_pixel_127_is_zero():
    low, high = VALUE_RANGE
    assert low + 127 * (high - low) / 255 == 0
    assert (high - low) / 255 == 1 / 128


def test_the_weights_of_the_package_are_read():
    weights = efficientnet_lite0_weights()
    expected = random_weights()
    for name, value in expected.items():
        if not name.startswith("_fc"):
            assert weights[name].shape == value.shape, name
    assert weights["_fc.weight"].shape == (1000, 1280)


@pytest.mark.slow
def test_a_trunk_is_made_once_and_knows_the_world(shared, capsys):
    made = make_pretrained("efficientnet_lite0_128")
    assert "making efficientnet_lite0_128 from its weights, once" in capsys.readouterr().err
    for variant in ("int8", "float32"):
        with load("efficientnet_lite0_128", variant) as model:
            images = [shared / "models" / "coral" / name for name in ("parrot.jpg", "cat.bmp")]
            parrot, cat = (model.classify(image)[0].label for image in images)
        assert (parrot, cat in ("tabby", "tiger cat", "Egyptian cat")) == ("macaw", True), cat
    assert capsys.readouterr().err == ""
    trunk = open_trunk("efficientnet_lite0_128")
    assert list(trunk.files) == ["int8", "float32"]
    assert [f.embedding.shape for f in trunk.files.values()] == [(1, EMBEDDING)] * 2
    cat, twin = (read_image(shared / "models" / "coral" / name) for name in ("cat.bmp", "parrot.jpg"))
    with (
        Embedder(trunk) as embedder,
        Embedder(trunk._replace(files={"float32": trunk.files["float32"]})) as exact,
    ):
        rows = unit(np.array([embedder.real(embedder(cat)), embedder.real(embedder(twin)), exact(cat)]))
    assert rows[0] @ rows[2] > 0.95, "int8 and float agree"
    assert rows[0] @ rows[1] < 0.5
    # A damaged one is kept, and the message says what helps; one without a manifest is made again.
    path = made / "int8.tflite"
    good = path.read_bytes()
    path.write_bytes(good[:-100] + bytes(100))
    with pytest.raises(OutputError, match="efficientnet_lite0_128 .*: remove it, and .* is made again$"):
        open_trunk("efficientnet_lite0_128")
    shutil.rmtree(made)
    open_trunk("efficientnet_lite0_128")
    assert path.read_bytes() == good
