from dataclasses import replace
from pathlib import Path

import pytest

from edgecnn.bundle.bundle import read_bundle
from edgecnn.bundle.input_spec import InputSpec
from edgecnn.errors import RecipeError
from edgecnn_train import cost as costs
from edgecnn_train.cost import Budget, cost, largest, widest
from edgecnn_train.recipe import ModelSpec, Recipe, RecipeInput
from edgecnn_train.recipe_file import read_recipe

GREY = InputSpec(28, 28, "gray", "crop", "staged", (0.0, 1.0))
RGB = InputSpec(32, 32, "rgb", "crop", "staged", (0.0, 1.0))
DIGITS = tuple("0123456789")


def recipe(**model):
    return Recipe("tiny", model=ModelSpec(**model))


def test_the_classic_network_costs_what_is_known_of_it():
    found = cost(recipe(filters=(32, 64)), GREY, DIGITS)
    assert (found.parameters, found.macs) == (121_930, 2_528_000)
    assert 125_000 < found.int8_bytes < 135_000
    assert found.latency_ms > 0
    assert "121,930 parameters, 2.53 million multiplications" in str(found)


def test_resnet8_has_the_multiplications_of_mlperf_tinys():
    assert cost(recipe(family="resnet8"), RGB, DIGITS).macs == 12_501_632


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_the_size_before_training_is_the_one_after_it(name):
    bundle = read_bundle(Path("firmware_models", name))
    found = cost(read_recipe(name), bundle.input, bundle.labels)
    # Files say a little more of themselves than when the shipped ones were made.
    assert found.int8_bytes == pytest.approx(bundle.manifest.document["variants"]["int8"]["bytes"], abs=200)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("budget", "inside"),
    [
        (Budget(kb=30), lambda c: c.int8_bytes <= 30 * 1024),
        (Budget(mmacs=0.3), lambda c: c.macs <= 300_000),
        (Budget(kb=60, mmacs=0.5), lambda c: c.int8_bytes <= 60 * 1024 and c.macs <= 500_000),
    ],
)
def test_a_budget_chooses_the_widest_network_within_it(budget, inside, said, tmp_path):
    found = widest(recipe(filters=(32, 64)), GREY, DIGITS, budget, tmp_path, said.append)
    place = costs.WIDTHS.index(found.model.width)
    assert inside(cost(found, GREY, DIGITS))
    wider = replace(found, model=replace(found.model, width=costs.WIDTHS[place + 1]))
    assert not inside(cost(wider, GREY, DIGITS))
    assert f"width {found.model.width:g} is the widest within {budget}" in said[0]


@pytest.mark.slow
def test_what_a_budget_chose_is_kept_for_a_resumed_run(said, tmp_path, monkeypatch):
    first = widest(recipe(filters=(4,)), GREY, DIGITS, Budget(ms=1000), tmp_path, said.append)
    monkeypatch.setattr(costs, "_search", lambda *_: 0.1)
    assert widest(recipe(filters=(4,)), GREY, DIGITS, Budget(ms=1000), tmp_path, said.append) == first
    other = widest(recipe(filters=(4,)), GREY, DIGITS, Budget(ms=2000), tmp_path, said.append)
    assert other.model.width == 0.1


def test_a_budget_that_nothing_keeps_to_is_said(said, tmp_path):
    with pytest.raises(RecipeError, match="no classic is within 1 KB: the narrowest has .* parameters"):
        widest(recipe(filters=(32, 64)), GREY, DIGITS, Budget(kb=1), tmp_path, said.append)


def shape(found):
    return found.model.cut, found.input.width, found.input.height


def test_a_budget_chooses_the_cut_and_the_size_of_a_trunk(small_trunk, said, tmp_path):
    start = recipe(trunk="small")
    sizes = {
        (cut, side): costs._cost_of_trunk(start, cut, side, DIGITS) for cut in (0, 2, 1) for side in (16, 48)
    }
    roomy = Budget(mmacs=sizes[0, 48].macs / 1e6 + 1e-6)
    assert shape(largest(start, DIGITS, roomy, tmp_path, said.append)) == (0, 48, 48)
    assert said[-1] == f"small at 48×48 pixels, whole, is the largest within {roomy}"
    tight = Budget(mmacs=sizes[0, 16].macs / 1e6 + 1e-6)
    assert shape(largest(start, DIGITS, tight, tmp_path, said.append)) == (0, 16, 16), (
        "smaller before shorter"
    )
    short = Budget(kb=sizes[2, 48].int8_bytes / 1024)
    assert shape(largest(start, DIGITS, short, tmp_path, said.append)) == (2, 48, 48)
    assert "small at 48×48 pixels, cut after block 2, is" in said[-1]
    given = replace(start, input=RecipeInput(16, 24))
    assert shape(largest(given, DIGITS, roomy, tmp_path, said.append)) == (0, 16, 24), "a given size stays"
    with pytest.raises(RecipeError, match="no small is within 1 KB: the smallest has .*--trunk none"):
        largest(start, DIGITS, Budget(kb=1), tmp_path, said.append)


def test_what_a_budget_chose_for_a_trunk_is_kept(small_trunk, said, tmp_path, monkeypatch):
    first = largest(recipe(trunk="small"), DIGITS, Budget(ms=1000), tmp_path, said.append)
    monkeypatch.setattr(costs, "_cost_of_trunk", None)
    assert largest(recipe(trunk="small"), DIGITS, Budget(ms=1000), tmp_path, said.append) == first
