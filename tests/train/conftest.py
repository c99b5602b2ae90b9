"""A quick recipe, and what training said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgecnn_train.recipe_file import read_recipe


@pytest.fixture
def recipe():
    """The classic recipe, made quick."""
    classic = read_recipe(
        "mnist-classic", ["train.epochs=3", "quantize.calibration=50", "data.validation=0.1"]
    )
    return replace(classic, name="tiny")


@pytest.fixture
def said():
    """What was said, as a list; its `append` is the `say` that functions take."""
    return []
