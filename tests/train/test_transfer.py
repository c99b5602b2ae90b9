import shutil
from dataclasses import replace

import cv2
import keras
import numpy as np
import pytest

from edgecnn.bundle import bundle
from edgecnn.bundle.input_spec import InputSpec
from edgecnn.bundle.output_folder import hold
from edgecnn.bundle.writer import write_models
from edgecnn.errors import ModelNotFound, RecipeError
from edgecnn_train.batches import scaled
from edgecnn_train.losses import soften
from edgecnn_train.models import build
from edgecnn_train.quantize import to_float32
from edgecnn_train.recipe import ModelSpec, TrainSpec
from edgecnn_train.transfer import Phase, freeze, load_network, load_teacher, phases, take_over
from tests.train.conftest import small, trained

GREY28 = InputSpec(28, 28, "gray", "crop", "staged", (0.0, 1.0))
TINY = ModelSpec(family="ds_cnn", filters=(8, 8), width=1.0)


def network(spec, seed, classes=10, image=GREY28):
    keras.utils.set_random_seed(seed)
    return build(spec, image, classes)


def values(model, name):
    return [w.numpy() for w in model.get_layer(name).weights]


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A network that was trained before, as it were."""
    path = tmp_path_factory.mktemp("start") / "old.keras"
    network(TINY, 1).save(path)
    return path


def test_only_layers_of_the_same_name_and_shape_are_copied(start, said):
    model, old = network(TINY, 2, classes=3), load_network(str(start))
    before = values(model, "probability")
    taken = take_over(model, str(start), said.append)
    assert "probability" not in taken
    assert equal(values(model, "probability"), before)
    weighty = {layer.name for layer in model.layers if layer.weights}
    assert set(taken) == weighty - {"probability"}
    for name in taken:
        assert equal(values(model, name), values(old, name)), name
    assert said == [f"took {len(weighty) - 1} of {len(weighty)} layers from {start}"]


def test_a_wider_layer_is_left_as_it_is(start, said):
    model = network(replace(TINY, filters=(8, 16)), 2)
    taken = take_over(model, str(start), said.append)
    assert "stem" in taken
    assert "stage2_block1_pointwise" not in taken


def test_where_little_or_nothing_fits_adopt_is_offered(said):
    few = network(
        ModelSpec(family="resnet", filters=(16, 8), blocks=(0, 1)), 0, 10, GREY28._replace(color="rgb")
    )
    take_over(few, "cifar10", said.append)
    assert said[-1] == "more of them fit with --adopt, which uses its family, filters and color"
    with pytest.raises(RecipeError, match="nothing of cifar10 fits this network: add --adopt to use its"):
        take_over(network(ModelSpec(), 0), "cifar10", said.append)


def test_freezing_holds_what_is_named_but_never_the_last_layer():
    model = network(TINY, 0)
    freeze(model, [layer.name for layer in model.layers])
    assert [v.path.split("/")[0] for v in model.trainable_variables] == ["probability", "probability"]
    freeze(model, ("stem", "stem_bn"))
    assert not model.get_layer("stem").trainable_variables
    assert model.get_layer("stage1_block1_pointwise").trainable_variables
    freeze(model, ())
    assert all(layer.trainable for layer in model.layers)


@pytest.fixture
def moved(recipe, start):
    """A recipe that starts from the old network."""
    spec = small(recipe, start=str(start), epochs=2, freeze=2, ema=0.5, optimizer="momentum")
    return replace(spec, model=TINY)


# Batch normalization is in it too: its statistics must not move while it is frozen.
HELD = ("stem", "stem_bn", "stage1_block1_depthwise", "stage2_block1_pointwise_bn")


@pytest.mark.slow
def test_frozen_layers_stay_as_they_were_and_then_change(data, moved, start, said, tmp_path):
    old = load_network(str(start))
    frozen = trained(data, moved, tmp_path / "frozen", said).model
    assert all(equal(values(frozen, name), values(old, name)) for name in HELD)
    assert not equal(values(frozen, "probability"), values(old, "probability")), "the last layer learns"
    free = replace(moved, train=replace(moved.train, freeze=1, epochs=2, learning_rate=0.05))
    fitted = trained(data, free, tmp_path / "free", said)
    assert fitted.best_epoch == 2
    assert not any(equal(values(fitted.model, name), values(old, name)) for name in HELD)


@pytest.mark.slow
def test_averages_begin_with_the_weights_where_layers_are_set_free(data, moved, said, tmp_path):
    slow = replace(moved.train, freeze=1, epochs=2, ema=0.9999, learning_rate=1e-6)
    fitted = trained(data, replace(moved, train=slow), tmp_path, said)
    assert fitted.history[1]["val_loss"] == pytest.approx(fitted.history[0]["val_loss"], rel=0.05)
    old = load_network(moved.train.start)
    assert np.allclose(values(fitted.model, "stem")[0], values(old, "stem")[0], atol=1e-3)


@pytest.mark.slow
def test_a_stopped_run_resumes_exactly(data, moved, said, tmp_path, stopped):
    """It is stopped inside the frozen phase, and again between the phases."""
    wanted = replace(moved, train=replace(moved.train, freeze=2, epochs=3))
    whole = trained(data, wanted, tmp_path / "whole", said)
    stopped(1, data, wanted, tmp_path / "stopped", said)
    stopped(2, data, wanted, tmp_path / "stopped", said)
    resumed = trained(data, wanted, tmp_path / "stopped", said)
    assert [s for s in said if "continuing" in s] == [
        f"continuing after epoch {epoch} of 3, from {tmp_path / 'stopped'}" for epoch in (1, 2)
    ]
    figures = [[(e["loss"], e["val_loss"]) for e in f.history] for f in (whole, resumed)]
    assert np.allclose(*figures, rtol=1e-5)
    for a, b in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        assert np.allclose(a, b, atol=1e-6)


def certain(answer, path):
    """Write a network that answers the same to every image."""
    inputs = keras.Input((28, 28, 1))
    flat = keras.layers.Flatten()(inputs)
    constant = keras.initializers.Constant(np.log(answer).tolist())
    outputs = keras.layers.Dense(10, "softmax", kernel_initializer="zeros", bias_initializer=constant)(flat)
    keras.Model(inputs, outputs).save(path)
    return str(path)


def test_several_teachers_answer_with_their_mean(tmp_path):
    answers = np.random.default_rng(0).dirichlet(np.ones(10), 3).astype(np.float32)
    paths = [certain(answer, tmp_path / f"{i}.keras") for i, answer in enumerate(answers)]
    images = np.zeros((2, 28, 28, 1), np.float32)
    got = load_teacher(paths, GREY28, 10).predict_on_batch(images)
    assert np.allclose(got, answers.mean(axis=0), atol=1e-6)
    alone = load_teacher(paths[1:2], GREY28, 10).predict_on_batch(images)
    assert np.allclose(alone, answers[1], atol=1e-6)
    assert load_teacher((), GREY28, 10) is None


def test_bundles_are_teachers_together():
    images = np.random.default_rng(0).random((4, 28, 28, 1), np.float32)
    names = ("fashion", "mnist")
    expected = [load_network(name).predict_on_batch(images) for name in names]
    got = load_teacher(names, GREY28, 10).predict_on_batch(images)
    assert np.allclose(got, np.mean(expected, axis=0), atol=1e-6)


def test_a_network_learns_what_its_teachers_say(data, recipe, said, tmp_path):
    """They call every image a 3 or a 5; the truth has no share in the loss."""
    three, five = ([0.001] * 3 + [p, 0.001, 0.992 - p] + [0.001] * 4 for p in (0.9, 0.3))
    teachers = (certain(three, tmp_path / "three.keras"), certain(five, tmp_path / "five.keras"))
    teacher = load_teacher(teachers, GREY28, 10)
    spec = small(recipe, teachers=teachers, distill=1.0, temperature=3.0, epochs=2, learning_rate=0.01)
    fitted = trained(data, spec, tmp_path / "work", said)
    assert fitted.history[1]["loss"] < fitted.history[0]["loss"]
    images = data.train.images[:50].astype(np.float32) / 255
    said_by = [np.asarray(soften(m.predict(images, verbose=0), 3.0)) for m in (teacher, fitted.model)]
    assert np.abs(said_by[0] - said_by[1]).mean() < 0.03
    assert np.corrcoef(said_by[0][0], said_by[1].mean(axis=0))[0, 1] > 0.9


def test_bad_teachers_and_starts_are_one_clear_error(data, recipe, said, tmp_path, start):
    (tmp_path / "noise.keras").write_bytes(b"no network")
    old = tmp_path / "old"
    shutil.copytree(bundle.find("mnist-classic"), old, ignore=shutil.ignore_patterns("*.keras"))
    network(TINY, 0, image=GREY28._replace(width=32, height=32)).save(tmp_path / "larger.keras")
    network(ModelSpec(filters=(3,), dense=()), 0, classes=4).save(tmp_path / "four.keras")
    for key, path, kind, part in (
        ("teachers", "nowhere.keras", ModelNotFound, "nowhere.keras is missing"),
        ("teachers", old, ModelNotFound, "network.keras is missing"),
        ("teachers", "no-such-bundle", ModelNotFound, "no-such-bundle"),
        ("teachers", tmp_path / "noise.keras", RecipeError, "no Keras network"),
        ("teachers", tmp_path / "larger.keras", RecipeError, "expected (None, 28, 28, 1) and 10"),
        ("teachers", tmp_path / "four.keras", RecipeError, "knows 4 classes"),
        ("start", "nowhere.keras", ModelNotFound, "is missing"),
        ("start", tmp_path / "noise.keras", RecipeError, "no Keras network"),
        ("start", tmp_path / "four.keras", RecipeError, "fits this network: use its family"),
    ):
        with pytest.raises(kind) as error:
            trained(
                data,
                small(recipe, **{key: (str(path),) if key == "teachers" else str(path)}),
                tmp_path / "work",
                said,
            )
        assert part in str(error.value), path
        assert "\n" not in str(error.value), path


def test_the_head_is_trained_first_then_the_trunk_from_the_top():
    trunk = tuple("abcdefgh")
    spec = TrainSpec(freeze=2, fixed=0.25, trunk_rate=0.1)
    assert phases(spec, 9, (), trunk) == [
        Phase(2, trunk, 1.0), Phase(4, tuple("abcde"), 0.1, 2), Phase(9, ("a", "b"), 0.1, 4),
    ]  # fmt: skip
    assert phases(spec, 3, (), trunk) == [Phase(2, trunk, 1.0), Phase(3, tuple("abcde"), 0.1, 2)]
    assert phases(replace(spec, fixed=1.0), 9, (), trunk) == [Phase(9, trunk, 1.0)], "the head alone"
    assert phases(replace(spec, freeze=0), 9, (), trunk) == [Phase(9, ("a", "b"), 0.1, 0)]
    assert phases(spec, 9, ("a",), ()) == [Phase(2, ("a",), 1.0), Phase(9, (), 1.0)], "without a trunk"


@pytest.fixture(scope="module")
def with_colors(tmp_path_factory):
    """A bundle of another size, color and range than the drawn digits."""
    folder = tmp_path_factory.mktemp("teacher") / "large"
    image = InputSpec(48, 48, "rgb", "crop", "halved", (-127 / 128, 1.0))
    model = network(TINY, 3, image=image)
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([30 * kernel, bias])  # whose answers differ from image to image
    labels = tuple("0123456789")
    files = {"float32": to_float32(model)}
    with hold(folder, "") as held, held.fill() as draft:
        draft.manifest = write_models(draft.folder, "large", "large", labels, image, files)
        model.save(draft.folder / "network.keras")
        assert draft.publish(replace=False) is None
    return folder


def test_a_teacher_sees_images_at_its_own_size_in_its_color_and_range(with_colors):
    rows = np.linspace(0, 255, 28)[:, None] * np.ones((1, 28))
    pixels = np.stack([rows, 0.2 * rows.T, 255 - 0.3 * rows]).astype(np.uint8)[..., None]
    teacher = load_teacher((str(with_colors),), GREY28, 10)
    got = teacher.predict_on_batch(scaled(pixels))
    larger = np.stack([cv2.resize(image, (48, 48)) for image in pixels])
    shown = scaled(np.repeat(larger[..., None], 3, axis=-1), (-127 / 128, 1.0))
    expected = load_network(str(with_colors)).predict_on_batch(shown)
    assert np.allclose(got, expected, atol=1e-2)
    assert np.abs(expected - expected.mean(axis=0)).max() > 3e-2, "the images differ"


def test_a_teacher_in_color_may_have_a_pupil_in_gray_and_the_reverse(with_colors):
    color = InputSpec(32, 32, "rgb", "crop", "halved", (0.0, 1.0))
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    mean = load_teacher((str(with_colors), "mnist"), color, 10).predict_on_batch(images)
    alone = [
        load_teacher((name,), color, 10).predict_on_batch(images) for name in (str(with_colors), "mnist")
    ]
    assert np.allclose(mean, np.mean(alone, axis=0), atol=1e-6)
