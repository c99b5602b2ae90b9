"""That the built models compute products, not how fast."""

import numpy as np
import pytest

from edgecnn.bench.peak import PRODUCTS, Product, build, measure_peak, open_product, output_scale
from edgecnn.errors import EngineError


def reference(product, image, weights):
    """The same in numpy: padded with zeros, summed up over the kernel, rounded to the output's step."""
    if not product.kernel:
        sums = image.astype(np.int64) @ weights.reshape(product.outputs, -1).T.astype(np.int64)
    else:
        edge = product.kernel // 2
        wide = np.pad(image.astype(np.int64), ((0, 0), (edge, edge), (edge, edge), (0, 0)))
        n = product.rows
        sums = sum(
            wide[:, y : y + n, x : x + n] @ weights[:, y, x].T.astype(np.int64)
            for y in range(product.kernel)
            for x in range(product.kernel)
        )
    return np.clip(np.round(sums / 256 / 128 / output_scale(product)), -128, 127)


@pytest.mark.parametrize(
    "product", [Product(8, 0, 64, 32), Product(6, 1, 16, 24), Product(6, 3, 16, 24)], ids=str
)
def test_a_built_model_computes_its_product(product):
    rng = np.random.default_rng(7)
    kernel = max(product.kernel, 1)
    weights = rng.integers(-127, 128, (product.outputs, kernel, kernel, product.channels), np.int8)
    interpreter = open_product(build(product, weights), 1)
    (given,), (found,) = interpreter.get_input_details(), interpreter.get_output_details()
    image = rng.integers(-128, 128, given["shape"], np.int8)
    interpreter.set_tensor(given["index"], image)
    interpreter.invoke()
    output = interpreter.get_tensor(found["index"])
    expected = reference(product, image, weights)
    assert np.abs(output - expected).max() <= 1
    assert expected.std() > 25, "the output's range is used"


def test_multiplications_are_counted():
    assert Product(8, 0, 64, 32).macs == 8 * 64 * 32
    assert Product(6, 3, 16, 24).macs == 36 * 9 * 16 * 24


def test_the_peak_says_what_it_was_reached_on():
    peak = measure_peak(1)
    assert peak.product in PRODUCTS
    assert peak.macs_per_second > 1e8
    assert peak.as_dict()["threads"] == 1
    assert "by" in peak.as_dict()["reached_on"] or "convolution" in peak.as_dict()["reached_on"]


def test_what_is_no_model_is_refused():
    with pytest.raises(EngineError, match="the peak can't be measured"):
        open_product(b"nothing", 1)
