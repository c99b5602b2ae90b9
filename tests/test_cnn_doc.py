"""docs/cnn.md cannot rot: it names every choice of a recipe, and its keys and images exist."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from edgecnn_train.recipe import AugmentSpec, ModelSpec, TrainSpec
from edgecnn_train.recipe_file import choices, read_recipe

DOCS = Path(__file__).parent.parent / "docs"
TEXT = (DOCS / "cnn.md").read_text("utf-8")
# `train.optimizer = "sgd"` and the like, wherever it stands in the text.
KEYS = re.findall(r"`(\w+\.\w+ = [^`]+)`", TEXT)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (f"{section}.{field}", value)
        for section, names in {
            "model": ("family", "activation", "pool"),
            "train": ("loss", "optimizer", "schedule"),
            "quantize": ("method",),
        }.items()
        for field in names
        for value in choices(f"{section}.{field}")
    ],
)
def test_every_choice_is_named(key, value):
    if key == "model.family":
        assert re.search(rf"^\| `{value}`", TEXT, re.MULTILINE)
    elif (key, value) != ("quantize.method", "ptq"):  # what is done when nothing is said
        assert f'`{key} = "{value}"`' in TEXT


@pytest.mark.parametrize("name", [f.name for f in fields(AugmentSpec)])
def test_every_change_is_named(name):
    assert f"`augment.{name} = " in TEXT


@pytest.mark.parametrize(
    "name", [f"model.{f.name}" for f in fields(ModelSpec)] + [f"train.{f.name}" for f in fields(TrainSpec)]
)
def test_every_key_of_the_network_and_of_training_occurs(name):
    shown = {"train.teachers": "--teacher", "train.start": "--from", "train.epochs": "--epochs"}
    if name != "train.seed":
        assert shown.get(name, name) in TEXT


@pytest.mark.parametrize("text", KEYS)
def test_its_keys_are_those_of_a_recipe(text, tmp_path):
    section, _, assignment = text.partition(".")
    path = tmp_path / "snippet.toml"
    path.write_text(f"[{section}]\n{assignment}\n", "utf-8")
    if text.startswith("input.width"):
        path.write_text(path.read_text() + "height = 28\n")
    if text.startswith("input.height"):
        path.write_text(path.read_text() + "width = 28\n")
    recipe = read_recipe(str(path))
    key, value = next(iter(tomllib.loads(assignment).items()))
    got = getattr(getattr(recipe, section), key)
    assert got == (tuple(value) if isinstance(value, list) else value)


def test_its_images_exist_and_are_small():
    shown = set(re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT))
    there = {p.relative_to(DOCS).as_posix() for p in (DOCS / "cnn").iterdir()}
    assert shown == there
    assert sum(p.stat().st_size for p in (DOCS / "cnn").iterdir()) < 700_000
