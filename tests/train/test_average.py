import keras
import numpy as np
import pytest

from edgecnn_train.average import Average, measure_statistics


@pytest.fixture
def network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Conv2D(3, 3, use_bias=False)(inputs)
    x = keras.layers.BatchNormalization(momentum=0.5, name="bn")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))
    model.compile(keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.9), "categorical_crossentropy")
    return model


def images(count):
    return np.random.default_rng(0).integers(0, 256, (count, 4, 4, 1), np.uint8)


def test_statistics_are_those_of_the_images(network):
    x = images(1000).astype(np.float32) / 255
    measure_statistics(network, x)
    before = network.layers[1](x).numpy()
    bn = network.get_layer("bn")
    assert np.allclose(bn.moving_mean.numpy(), before.mean(axis=(0, 1, 2)), atol=1e-5)
    # The mean of the batches' variances, which is short of their means' spread.
    assert np.allclose(bn.moving_variance.numpy(), before.var(axis=(0, 1, 2)), rtol=0.02)
    assert bn.momentum == 0.5


def test_few_images_are_measured_too(network):
    x = images(60).astype(np.float32) / 255
    measure_statistics(network, x)
    before = network.layers[1](x).numpy()
    assert np.allclose(network.get_layer("bn").moving_mean.numpy(), before.mean(axis=(0, 1, 2)), atol=1e-5)


def test_images_that_are_sorted_by_class_are_drawn_from_all_of_them(network):
    dark, bright = np.zeros((4000, 4, 4, 1), np.uint8), np.full((4000, 4, 4, 1), 255, np.uint8)
    average = Average(np.concatenate([dark, bright]))
    average.set_model(network)
    network.optimizer.build(network.trainable_variables)
    for variable, kept in zip(
        network.trainable_variables, network.optimizer._model_variables_moving_average, strict=True
    ):
        kept.assign(variable)
    average.on_test_begin()
    bn, convolution = network.get_layer("bn"), network.layers[1]
    bright_mean = convolution(np.ones((1, 4, 4, 1), np.float32)).numpy().mean(axis=(0, 1, 2))
    assert np.allclose(bn.moving_mean.numpy(), bright_mean / 2, rtol=0.1)
    assert np.allclose(bn.moving_variance.numpy(), bright_mean**2 / 4, rtol=0.1)


def test_the_average_is_validated_and_kept_and_the_weights_come_back(network):
    average = Average(images(500))
    x = images(64).astype(np.float32) / 255
    y = np.eye(2, dtype=np.float32)[np.arange(64) % 2]
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model.trainable_variables[0].numpy())

    network.fit(
        x, y, batch_size=16, epochs=1, validation_data=(x, y), callbacks=[Watch(), average], verbose=0
    )
    expected = seen[0]
    for value in seen[1:]:
        expected = 0.9 * expected + 0.1 * value
    assert np.allclose(network.trainable_variables[0].numpy(), seen[-1]), "training continues with its own"
    with average.in_place():
        assert np.allclose(network.trainable_variables[0].numpy(), expected, atol=1e-6)
    assert np.allclose(network.trainable_variables[0].numpy(), seen[-1])
