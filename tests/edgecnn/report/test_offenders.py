from types import SimpleNamespace

import numpy as np

from edgecnn.dataset import Item
from edgecnn.frame import Prediction
from edgecnn.report.offenders import worst_first, worst_offenders

SCORES = [0.5, 0.9, 0.7, 0.99, 0.7]


# Five images, each as bright as its place.
ITEMS = [Item(f"p{i}", i % 2, "test") for i in range(5)]
SOURCE = SimpleNamespace(
    read=lambda item, least=None: np.full((8, 8), int(item.id[1:]), np.uint8), labels=("even", "odd")
)


def classify(image, top):
    place = int(image[0, 0])
    return [Prediction("even" if place % 2 else "odd", 1 - place % 2, SCORES[place])]


def test_the_surest_wrong_answers_come_first():
    found = worst_offenders(
        SOURCE, [ITEMS[i] for i in (0, 1, 2, 4)], SimpleNamespace(classify=classify, least_side=8), 3
    )
    assert [(o.id, o.true, o.named, o.score) for o in found] == [
        ("p1", "odd", "even", 0.9),
        ("p2", "even", "odd", 0.7),
        ("p4", "even", "odd", 0.7),
    ]
    assert [int(o.image[0, 0]) for o in found] == [1, 2, 4]
    assert all(o.image.shape == (400, 400) for o in found), "large enough to see"
    assert worst_first([found[1], found[0], found[2]], 2) == found[:2]
