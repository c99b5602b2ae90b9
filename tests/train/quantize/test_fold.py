import keras
import numpy as np
import pytest
from keras import layers

from edgecnn.errors import RecipeError
from edgecnn_train.fit import scaled
from edgecnn_train.quantize import fold_batch_norm
from tests.train.quantize.conftest import NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
def test_the_answers_stay_and_the_batch_normalizations_go(workshop, name):
    network = workshop.network(name)
    folded = fold_batch_norm(network)
    images = scaled(workshop.test.images)
    np.testing.assert_allclose(
        folded.predict(images, verbose=0), network.predict(images, verbose=0), atol=1e-4
    )
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in folded.layers)
    assert {layer.name for layer in folded.layers} <= {layer.name for layer in network.layers}


def test_every_kind_of_layer_and_of_normalization():
    """Biases, gammas and betas with and without, a depthwise multiplier, and odd statistics."""
    image = keras.Input((8, 8, 2))
    x = layers.DepthwiseConv2D(3, depth_multiplier=3, name="dw")(image)
    x = layers.BatchNormalization(scale=False, epsilon=0.1, name="dw_bn")(x)
    x = layers.Conv2D(5, 3, bias_initializer="ones", name="conv")(x)
    x = layers.BatchNormalization(center=False, name="conv_bn")(x)
    x = layers.Dense(4, name="dense")(layers.Flatten()(x))
    network = keras.Model(image, layers.BatchNormalization(name="dense_bn")(x))
    rng = np.random.default_rng(0)
    for layer in network.layers:
        layer.set_weights([w + rng.uniform(0.1, 1, w.shape) for w in layer.get_weights()])
    folded = fold_batch_norm(network)
    images = rng.uniform(0, 1, (5, 8, 8, 2)).astype(np.float32)
    np.testing.assert_allclose(
        folded.predict(images, verbose=0), network.predict(images, verbose=0), rtol=1e-5, atol=1e-4
    )
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in folded.layers)


def test_what_can_not_be_folded_stays():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    network = keras.Model(image, layers.BatchNormalization(name="bn")(x))
    folded = fold_batch_norm(network)
    assert [layer.name for layer in folded.layers[1:]] == ["conv", "bn"]


def test_a_layer_that_is_used_twice_is_named():
    image = keras.Input((8, 8, 3))
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    with pytest.raises(RecipeError, match="'shared' is used twice"):
        fold_batch_norm(keras.Model(image, shared(shared(image))))
