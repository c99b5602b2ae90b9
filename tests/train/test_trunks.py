"""Trained networks as trunks: what they compute, how they are cut, and how a head is trained on them."""

import urllib.error
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgecnn.bundle.input_spec import InputSpec
from edgecnn.dataset import open_source
from edgecnn.errors import RecipeError
from edgecnn.learning import efficientnet
from edgecnn.learning.weights import PACKAGE, efficientnet_lite0_weights
from edgecnn.tflite.file import read_tflite
from edgecnn_train.batches import Batches
from edgecnn_train.checkpoint import Checkpoint
from edgecnn_train.data import load_data
from edgecnn_train.fit import fit
from edgecnn_train.models import build, trunk_layers
from edgecnn_train.models.layers import POOL
from edgecnn_train.models.trunks import from_tflite, mobilenet_v2
from edgecnn_train.quantize import assert_parity, compare_tensors, to_float32
from edgecnn_train.quantize.variants import int8_of
from edgecnn_train.recipe import ModelSpec
from edgecnn_train.recipe_file import read_recipe
from edgecnn_train.registry import TRUNKS
from tests.train.trunk import LAYERS, random_weights

SPEC = ModelSpec(trunk="efficientnet_lite0")


def rgb(side):
    return InputSpec(side, side, "rgb", "crop", "halved", efficientnet.VALUE_RANGE)


def embedding(content, image):
    """What LiteRT computes."""
    interpreter = Interpreter(
        model_content=content, experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )  # fmt: skip
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    place = next(d["index"] for d in interpreter.get_tensor_details() if d["name"] == "embedding")
    return interpreter.get_tensor(place)


@pytest.mark.parametrize(
    "weights", ["random", pytest.param("real", marks=pytest.mark.slow)], ids=["random", "real"]
)
@pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors")
def test_the_embedding_is_that_of_the_tflite(weights):
    tensors = random_weights() if weights == "random" else real_weights()
    for side in (64, 96):
        image = np.random.default_rng(side).uniform(-1, 1, (1, side, side, 3)).astype(np.float32)
        content = efficientnet.efficientnet_lite0(tensors, side)
        trunk = from_tflite(content, SPEC, rgb(side))
        pooled = np.asarray(trunk(image)).mean(axis=(1, 2))
        expected = embedding(content, image)
        assert expected.std() > 0.01
        assert np.allclose(pooled, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def real_weights():
    try:
        distribution(PACKAGE)
    except PackageNotFoundError:
        pytest.skip(f"{PACKAGE} is not installed")
    return efficientnet_lite0_weights()


def test_the_range_is_that_of_the_network():
    assert TRUNKS["efficientnet_lite0"].value_range == efficientnet.VALUE_RANGE


def test_a_cut_leaves_the_later_blocks_out():
    content = efficientnet.efficientnet_lite0(random_weights(), 32)
    channels = {0: 1280, 16: 320, 15: 192, 11: 112, 8: 80, 5: 40}
    whole = from_tflite(content, SPEC, rgb(64))
    for cut in (0, *TRUNKS["efficientnet_lite0"].cuts):
        trunk = from_tflite(content, replace(SPEC, cut=cut), rgb(64))
        assert trunk.output_shape[-1] == channels[cut]
        names = [layer.name for layer in trunk.layers]
        assert names[1:] == [layer.name for layer in whole.layers][1 : len(names)]


def test_the_width_of_efficientnet_cannot_be_chosen():
    with pytest.raises(RecipeError, match="model.width is 0.5, expected 1 with the trunk efficientnet_lite0"):
        build(replace(SPEC, width=0.5), rgb(64), 2)


def test_a_network_with_a_trunk_has_a_head_for_the_classes(small_trunk):
    model = build(ModelSpec(trunk="small", dropout=0.5), rgb(32), 5)
    assert model.output_shape == (None, 5)
    assert model.get_layer(POOL).output.shape == (None, 8)
    assert trunk_layers(model, ModelSpec(trunk="small")) == LAYERS
    assert trunk_layers(build(ModelSpec(), rgb(32), 5), ModelSpec()) == ()
    with pytest.raises(RecipeError, match="model.cut is 3, expected 0 to 2 for small"):
        build(ModelSpec(trunk="small", cut=3), rgb(32), 5)


@pytest.fixture
def photos(photo_folder, small_trunk, said):
    """A quick recipe with the small trunk, and its data."""
    settings = ["trunk=small", "epochs=5", "freeze=1", "batch_size=8", "train.ema=0.5", "calibration=20"]
    recipe = read_recipe("photos", settings)
    return recipe, load_data(open_source(photo_folder), recipe, said.append)


def weights(model, name):
    return [w.numpy() for w in model.get_layer(name).weights]


def differing(model, start, names=LAYERS):
    pairs = ((name, weights(model, name), weights(start, name)) for name in names)
    return [n for n, a, b in pairs if not all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))]


def test_photos_are_seen_as_the_trunk_was_trained(photos, said):
    recipe, data = photos
    assert (data.input.width, data.input.height, data.input.color) == (32, 32, "rgb")
    assert data.input.value_range == efficientnet.VALUE_RANGE
    batch, _ = next(Batches(data.train, recipe.augment, recipe.train, None, data.input.value_range).epochs())
    assert batch.min() < -0.5
    assert not any("input size" in line for line in said), "nothing was chosen"
    with pytest.raises(RecipeError, match="input.color is 'gray', expected 'rgb' with the trunk small"):
        load_data(data.source, replace(recipe, input=replace(recipe.input, color="gray")), said.append)


@pytest.mark.parametrize(
    ("settings", "trained"),
    [
        ({"epochs": 1}, []),
        ({"epochs": 2}, ["block2_conv", "block3_conv"]),
        ({"epochs": 3}, list(LAYERS)),
        ({"epochs": 3, "fixed": 0.34}, ["block2_conv", "block3_conv"]),
        ({"epochs": 3, "fixed": 1.0}, []),
    ],
    ids=str,
)
def test_a_trunk_is_trained_from_the_top(photos, said, tmp_path, settings, trained):
    recipe, data = photos
    spec = replace(recipe, train=replace(recipe.train, learning_rate=0.01, **settings))
    start = build(spec.model, data.input, 2)
    fitted = fit(build(spec.model, data.input, 2), data, spec, tmp_path, said.append, show="none")
    assert differing(fitted.model, start) == trained
    assert differing(fitted.model, start, ["probability"]) == ["probability"]


def test_privately_the_head_alone_is_trained(photos, said, tmp_path):
    recipe, data = photos
    private = replace(recipe.private, enabled=True)
    train = replace(recipe.train, epochs=1, fixed=1.0, ema=0.0, batch_size=16)
    spec = replace(recipe, private=private, train=train)
    start = build(spec.model, data.input, 2)
    fitted = fit(build(spec.model, data.input, 2), data, spec, tmp_path, said.append, show="none")
    assert differing(fitted.model, start, (*LAYERS, "probability")) == ["probability"]
    assert "loss" not in fitted.history[0], "that of the training images is not protected"


@pytest.mark.slow
def test_a_stopped_run_resumes_exactly_in_every_phase(photos, said, tmp_path, monkeypatch):
    recipe, data = photos

    def run(folder, recipe=recipe):
        keras.utils.set_random_seed(0)
        return fit(build(recipe.model, data.input, 2), data, recipe, folder, said.append, show="none")

    whole = run(tmp_path / "whole")
    save = Checkpoint.on_epoch_end

    def stop(self, number, logs=None):
        save(self, number, logs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", stop)
        for _ in range(4):
            with pytest.raises(KeyboardInterrupt):
                run(tmp_path / "stopped")
    resumed = run(tmp_path / "stopped")
    for a, b in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        assert np.allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("method", ["ptq", "qat"])
def test_int8_of_a_trunk_answers_as_its_network(photos, said, tmp_path, method):
    recipe, data = photos
    recipe = replace(recipe, quantize=replace(recipe.quantize, method=method, qat_epochs=1))
    keras.utils.set_random_seed(0)
    model = build(recipe.model, data.input, 2)
    content = int8_of(model, data, recipe, tmp_path, said.append)
    file = read_tflite(content, "int8")
    assert (np.float32(file.inputs[0].scale), file.inputs[0].zero_point) == (np.float32(1 / 128), -1)
    assert not file.float_tensors
    if method == "ptq":
        assert_parity(model, content, data.validation.images, data.input.value_range)
        layers = compare_tensors(content, to_float32(model), data.validation.images, data.input.value_range)
        assert layers.worst.own_snr_db > 25


@pytest.fixture
def mobilenet_weights(tmp_path, monkeypatch):
    """Keras' cache, with a file of random weights in it, and no internet."""
    network = keras.applications.MobileNetV2((96, 96, 3), 0.35, include_top=False, weights=None)
    rng = np.random.default_rng(0)
    values = [rng.normal(0.1, 1, w.shape) / np.sqrt(np.prod(w.shape[:-1])) for w in network.get_weights()]
    network.set_weights([np.abs(v) + 0.5 if v.ndim == 1 else v for v in values])
    folder = tmp_path / "models"
    folder.mkdir()
    network.save(folder / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5")
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", refuse)
    return network


def refuse(*_, **__):
    raise urllib.error.URLError("no internet")


@pytest.mark.slow
def test_mobilenet_v2_comes_from_the_cache_of_keras(mobilenet_weights):
    spec = ModelSpec(trunk="mobilenet_v2", width=0.35)
    images = np.random.default_rng(1).uniform(-1, 1, (2, 96, 96, 3)).astype(np.float32)
    expected = np.asarray(mobilenet_weights(images))
    got = np.asarray(mobilenet_v2(spec, rgb(96))(images))
    assert np.allclose(got, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    assert mobilenet_v2(spec, rgb(100)).output_shape == (None, 4, 4, 1280), "other sizes have weights too"
    for cut, channels in ((16, 112), (15, 56), (5, 16)):
        assert mobilenet_v2(replace(spec, cut=cut), rgb(96)).output_shape[-1] == channels
    with pytest.raises(RecipeError, match="can't be downloaded: connect to the internet once"):
        mobilenet_v2(replace(spec, width=0.5), rgb(96))
    with pytest.raises(RecipeError, match=r"model.width is 0.4, expected one of 0.35, 0.5, 0.75, 1 for"):
        mobilenet_v2(replace(spec, width=0.4), rgb(96))
