from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from edgecnn.errors import GateError
from edgecnn_train.fit import scaled
from edgecnn_train.quantize import assert_parity, fold_batch_norm, measure_parity, parity, twin_to_int8
from edgecnn_train.quantize.qat import FakeQuant
from tests.train.quantize.conftest import NETWORKS


def test_a_rescaling_inside_the_graph_is_dropped_by_the_converter_and_caught(workshop):
    """The trap: fake quantization of 0 to 255, then a rescaling, then a fake-quantized convolution."""
    twin = workshop.copy(workshop.twin("classic"))
    image = keras.Input((32, 32, 3), name="image")
    x = FakeQuant(0.0, 255.0, moving=False, name="pixels")(image)
    x = layers.Rescaling(1 / 255)(x)
    for layer in twin.layers[2:]:
        x = layer(x)
    wrong = keras.Model(image, x)
    images = workshop.test.images[:100]
    np.testing.assert_allclose(
        wrong.predict(images.astype(np.float32), verbose=0),
        twin.predict(scaled(images), verbose=0),
        atol=1e-4,
    )
    content = twin_to_int8(wrong)
    assert measure_parity(wrong, content, images, (0.0, 255.0)).agreement < 0.7
    with pytest.raises(GateError, match=r"same class for .* does a layer scale the numbers"):
        assert_parity(wrong, content, images, (0.0, 255.0))


def test_a_float_file_is_refused(workshop):
    with pytest.raises(GateError, match="of its tensors are float, expected none"):
        assert_parity(workshop.network("classic"), workshop.float32("classic"), workshop.test.images[:10])


def test_each_measure_has_its_message(workshop, monkeypatch):
    good = measure_parity(workshop.twin("classic"), workshop.twin_int8("classic"), workshop.test.images[:20])
    for change, message in (
        ({"agreement": 0.98}, "98.0% of 20 images, expected 99%"),
        ({"mean_steps": 3.2}, "3.2 output steps off in the mean"),
        ({"input_scale": 1.0}, "scale 1 and zero point -128, expected 1/255 and -128"),
        ({"input_zero_point": 0}, "zero point 0, expected"),
    ):
        monkeypatch.setattr(parity, "measure_parity", lambda *_, change=change: replace(good, **change))
        with pytest.raises(GateError, match="not the network that was trained") as caught:
            assert_parity(None, b"", workshop.test.images)
        assert message in str(caught.value)


@pytest.mark.parametrize("name", NETWORKS)
def test_another_network_is_no_twin(workshop, name):
    """The guard sees a file of other weights, whatever the network."""
    other = fold_batch_norm(workshop.network(name))
    last = next(layer for layer in reversed(other.layers) if isinstance(layer, layers.Dense))
    kernel, bias = last.get_weights()
    last.set_weights([kernel[:, ::-1], bias])
    with pytest.raises(GateError, match="not the network that was trained"):
        assert_parity(other, workshop.twin_int8(name), workshop.test.images)
