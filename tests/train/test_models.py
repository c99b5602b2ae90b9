from dataclasses import replace

import numpy as np
import pytest

from edgecnn.bundle import InputSpec
from edgecnn.errors import RecipeError
from edgecnn_train.models import build
from edgecnn_train.models.classic import default_filters
from edgecnn_train.recipe import ModelSpec
from edgecnn_train.recipe_file import read_recipe

GREY28 = InputSpec(28, 28, "gray", "crop", "staged", (0.0, 1.0))


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
    spec = replace(GREY28, width=side, height=side, color="rgb")
    flat = next(layer for layer in build(ModelSpec(), spec, 6).layers if type(layer).__name__ == "Flatten")
    assert flat.output.shape[1] <= 36 * filters[-1]


def test_too_many_convolutions_are_refused():
    with pytest.raises(RecipeError, match="too many for 28×28 pixels"):
        build(ModelSpec(filters=(8, 8, 8, 8)), GREY28, 10)
