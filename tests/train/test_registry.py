import subprocess
import sys

import keras
import pytest

from edgecnn_train import models, optimize  # noqa: F401 - they check their rows
from edgecnn_train.recipe_file import choices
from edgecnn_train.registry import (
    ACTIVATIONS,
    AUGMENTATIONS,
    FAMILIES,
    OPTIMIZERS,
    REGISTRIES,
    Registry,
    augment_limits,
    augmentation,
    load,
)


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda r: r.key)
def test_every_name_has_its_code_and_is_a_choice_of_its_key(registry):
    registry.require()
    assert all(callable(registry[name]) for name in registry)
    assert choices(registry.key) == tuple(registry)


def test_every_augmentation_has_its_code():
    assert all(callable(load(row.code)) for row in AUGMENTATIONS)


def test_references_lead_to_keras_and_to_the_trainer():
    assert OPTIMIZERS["adam"] is keras.optimizers.Adam
    assert ACTIVATIONS["hard_swish"] is keras.activations.hard_silu
    assert FAMILIES["classic"] is sys.modules["edgecnn_train.models.classic"].classic


def test_a_key_with_fixed_names_has_these_and_one_of_another_kind_none():
    assert choices("model.pool") == ("max", "average")
    assert choices("train.epochs") == ()


@pytest.mark.parametrize("reference", ["edgecnn_train.optimize:nothing", "edgecnn_train.nowhere:adam"])
def test_a_name_without_code_is_an_error(reference):
    with pytest.raises((AttributeError, ImportError), match="nothing|nowhere"):
        Registry("train.optimizer", {"mine": reference}).require()


def test_a_registered_name_has_its_code_and_is_never_replaced():
    registry = Registry("train.optimizer", {})
    made = registry.register("mine")(dict)
    assert made is registry["mine"] is dict
    with pytest.raises(ValueError, match="train.optimizer has 'mine' already"):
        registry.register("mine")(list)
    with pytest.raises(ValueError, match=r"\[augment\] has clean, noise already"):
        augmentation("shade", noise=1.0, other=1.0, clean=1.0)(list)
    assert "other" not in augment_limits()


def test_recipes_and_registered_names_are_read_without_tensorflow():
    code = """
import sys
from edgecnn_train.recipe import AugmentSpec, TrainSpec
from edgecnn_train.recipe_file import read_recipe
from edgecnn_train.registry import OPTIMIZERS, augmentation
early = AugmentSpec(noise=1.0)
OPTIMIZERS.register("mine")(dict)
augmentation("shade", haze=2.0)(dict)
recipe = read_recipe("photos", ["optimizer=mine", "augment.haze=1.5"])
print(recipe.train.optimizer, recipe.augment.haze, early.haze, recipe.as_dict()["augment"]["haze"])
for wrong in ("augment.haze=3", "optimizer=mime", "augment.hase=1"):
    try:
        read_recipe("photos", [wrong])
    except ValueError as error:
        print(error)
print([m for m in ("tensorflow", "keras") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, limit, name, key, loaded = done.stdout.splitlines()
    assert first == "mine 1.5 0.0 1.5"
    assert limit == "augment.haze is 3.0, expected 0 to 2"
    assert name.endswith(f"{', '.join(OPTIMIZERS)}, mine; did you mean 'mine'?")
    assert key == "a recipe has no key 'augment.hase': did you mean 'augment.haze'?"
    assert loaded == "[]"
