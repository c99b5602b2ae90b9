from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from edgecnn.bundle import bundle
from edgecnn_train.report import measure


def test_robustness_looks_at_the_test_split_alone(data, recipe):
    """A private run must not show training images, not even next to a subject."""
    test = data.test.take(np.arange(20))
    seen = []

    class Source:
        labels = data.labels

        def read(self, item, least=None):
            seen.append(item.id)
            return data.source.read(item, least)

        def digest(self, item):
            return data.source.digest(item)

        @property
        def items(self):
            return data.source.items

    wanted = replace(recipe, verify=replace(recipe.verify, corruptions=3))
    few = replace(data, source=Source(), test=test)
    network = SimpleNamespace(count_params=lambda: 7)
    found = measure(bundle.find("digits"), few, wanted, network)
    assert set(seen) <= {item.id for item in test.items}
    assert found.robustness.pictures == 3
    assert set(found.as_dict()["robustness"]) == {"pictures", "mean", "standard", "extra"}
    assert found.cost["parameters"] == 7
    without = measure(bundle.find("digits"), few, recipe, network)
    assert set(without.as_dict()) == {"cost"}
