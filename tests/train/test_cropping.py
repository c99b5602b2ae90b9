import numpy as np
import pytest

from edgecnn_train.cropping import cropped
from edgecnn_train.recipe import RecipeInput


@pytest.mark.parametrize(
    ("width", "height", "spec", "left_out"),
    [
        (160, 90, RecipeInput(), 0.4375),
        (90, 160, RecipeInput(), 0.4375),
        (160, 90, RecipeInput(64, 36), None),
        (64, 64, RecipeInput(64, 36), 0.4375),
        (100, 90, RecipeInput(), None),
        (160, 90, RecipeInput(fit="pad"), None),
    ],
)
def test_what_a_crop_leaves_out(width, height, spec, left_out):
    crop = cropped(np.array([height] * 3), np.array([width] * 3), spec)
    assert (crop and crop.left_out) == (left_out and pytest.approx(left_out))


def test_it_is_said_with_what_the_other_fits_do():
    crop = cropped(np.array([90, 90, 90, 100]), np.array([160, 160, 160, 100]), RecipeInput())
    assert str(crop).startswith("the center crop leaves out 44% of an image in the median (left and right)")
    assert str(crop).endswith("and 15% or more of 75% of them")
    assert "--set input.fit=pad shows all of an image, at 56% of the size and between bars" in crop.advice
