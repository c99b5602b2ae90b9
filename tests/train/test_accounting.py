import importlib.util
import math
from dataclasses import replace

import pytest

from edgecnn.errors import MissingExtra, RecipeError
from edgecnn_train.accounting import FAMILIES, refuse, spent
from edgecnn_train.recipe_file import read_recipe

needs_accountant = pytest.mark.skipif(
    importlib.util.find_spec("dp_accounting") is None, reason="needs the extra `private`"
)


def private(noise, delta, batch_size, epochs):
    """A private recipe."""
    settings = {"private.noise_multiplier": noise, "private.delta": delta, "batch_size": batch_size}
    return read_recipe(
        "mnist-classic", [f"{k}={v}" for k, v in (settings | {"train.epochs": epochs}).items()]
    )


def gaussian_delta(epsilon, noise):
    """The delta of the Gaussian mechanism of sensitivity 1, exactly (Balle & Wang 2018, theorem 8)."""

    def normal(x):
        return math.erfc(-x / math.sqrt(2)) / 2

    return normal(1 / (2 * noise) - epsilon * noise) - math.exp(epsilon) * normal(
        -1 / (2 * noise) - epsilon * noise
    )


@needs_accountant
@pytest.mark.parametrize(("noise", "epochs"), [(2.0, 1), (5.0, 9), (20.0, 100)])
def test_without_sampling_epsilon_is_that_of_the_gaussian_mechanism(noise, epochs):
    got = spent(private(noise, 1e-5, 1000, epochs), 1000)
    assert (got.sampling, got.updates) == (1.0, epochs)
    # So many Gaussian mechanisms in a row are one with less noise.
    below, above = (gaussian_delta(got.epsilon * (1 + s), noise / math.sqrt(epochs)) for s in (0.01, -0.01))
    assert below < 1e-5 < above


@needs_accountant
def test_with_sampling_epsilon_lies_below_the_published_moments_accountant():
    """Abadi et al. 2016, section 3.2: a sampling of 0.01, noise 4, 10,000 updates, delta 1e-5: 1.26."""
    got = spent(private(4.0, 1e-5, 600, 100), 60000)
    assert (got.sampling, got.updates) == (0.01, 10000)
    assert 0.9 < got.epsilon < 1.26
    # The limit for many updates (Bu et al. 2020): a Gaussian mechanism with this noise.
    limit = 1 / (0.01 * math.sqrt(10000 * (math.exp(4.0**-2) - 1)))
    assert gaussian_delta(got.epsilon, limit) == pytest.approx(1e-5, rel=0.2)


@needs_accountant
def test_more_noise_and_fewer_updates_give_less_away():
    base = spent(private(1.1, 1e-5, 100, 5), 10000).epsilon
    assert spent(private(1.5, 1e-5, 100, 5), 10000).epsilon < base
    assert spent(private(1.1, 1e-5, 100, 2), 10000).epsilon < base
    assert spent(private(1.1, 1e-6, 100, 5), 10000).epsilon > base
    assert "weak" in str(spent(private(0.5, 1e-5, 1000, 10), 10000))


@needs_accountant
def test_what_can_not_be_private_by_its_size_is_refused():
    with pytest.raises(RecipeError, match="batch_size is 100, expected at most the 60 training images"):
        spent(private(1.1, 1e-5, 100, 1), 60)
    with pytest.raises(RecipeError, match=r"private.delta is 0.001, expected at most 1/2000"):
        spent(private(1.1, 1e-3, 100, 1), 2000)


@needs_accountant
@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("model.family=resnet8", "batch normalization"),
        ("augment.mixup=0.2", "two gradients"),
        ("augment.cutmix=1", "two gradients"),
        ('train.teachers=["cifar10"]', "may know the same images"),
        ("class_weights=balanced", "counts of the classes"),
        ("optimizer=gradient_descent", "drawn at random"),
        ("quantize.method=qat", "adds no noise"),
        ("unknown.background_class=true", "made from others"),
        ("input.color=auto", "chosen from the images"),
    ],
)
def test_what_breaks_the_guarantee_is_refused_with_its_reason(setting, reason):
    with pytest.raises(RecipeError) as error:
        refuse(read_recipe("mnist-classic", [setting]))
    for part in (setting.partition("=")[0], "with --private", reason):
        assert part in str(error.value)


@needs_accountant
def test_what_keeps_it_is_not():
    refuse(
        read_recipe(
            "mnist-classic", ["train.ema=0.9", "weight_decay=0.01", "dropout=0.5", "augment.rotate=10"]
        )
    )


def test_the_families_are_those_without_batch_normalization():
    import keras

    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn_train import models

    image = InputSpec(32, 32, "rgb", "crop", "staged", (0.0, 1.0))
    spec = read_recipe("mnist-classic").model
    without = {
        family
        for family in models.FAMILIES
        if not any(
            isinstance(layer, keras.layers.BatchNormalization)
            for layer in models.build(replace(spec, family=family, filters=()), image, 3).layers
        )
    }
    assert without == set(FAMILIES)


def test_without_the_extra_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'edgecnn\[private\]'"):
        refuse(read_recipe("mnist-classic"))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("noise_multiplier=0.1", "0.3 to 100"),
        ("clip_norm=0", "above 0"),
        ("private.delta=1", "between 0 and 1"),
    ],
)
def test_a_wrong_value_names_the_key(setting, expected):
    with pytest.raises(RecipeError, match=expected):
        read_recipe("mnist-classic", [setting])
