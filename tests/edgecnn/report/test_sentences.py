from dataclasses import replace

import numpy as np
import pytest

from edgecnn.bundle.input_spec import InputSpec
from edgecnn.evaluation.verified import Verified
from edgecnn.report.sentences import expected_accuracy, model_facts, weak_classes

HANDS = ["paper", "rock", "scissors"]


def of(confusion):
    confusion = np.array(confusion)
    right = confusion.trace() / confusion.sum()
    return Verified(int(confusion.sum()), right, right, 1.0, (), confusion, None)


def test_what_to_expect_of_new_images_is_an_interval():
    assert expected_accuracy(of([[8, 0, 0], [0, 8, 0], [4, 1, 3]])) == (
        "It classifies 19 of 24 images correctly (79.2%); expect 60% to 91% of new images "
        "like these (95 % interval)."
    )


def test_the_facts_of_a_model():
    spec = InputSpec(224, 160, "rgb", "crop", "halved", (0.0, 1.0))
    found = replace(of(np.eye(3, dtype=int) * 10), int8_top1=0.98, agreement=0.985, float_tensors=("x",))
    assert model_facts(found, spec, HANDS) == (
        "The two agree on 98.50% of the test images; int8 loses 2.00 points.",
        "Tensors of the int8 model that are float: 1.",
        "Input: 224×160 rgb, crop.",
        "Classes: paper, rock, scissors.",
    )


@pytest.mark.parametrize(
    ("row", "taken"),
    [
        ([1, 1, 6], "taken for paper and rock"),
        ([0, 3, 5], "otherwise taken for rock"),
        ([0, 1, 4], "otherwise taken for rock"),
        ([3, 1, 4], "mostly taken for paper"),
    ],
)
def test_what_a_class_is_taken_for(row, taken):
    assert taken in weak_classes(of([[8, 0, 0], [0, 8, 0], row]), HANDS)[0]


def test_good_classes_are_said_to_be():
    assert weak_classes(of(np.eye(3, dtype=int) * 10), HANDS) == (
        "Each class is recognized at least 9 times in 10.",
    )


def test_many_weak_classes_are_counted():
    lines = weak_classes(of(np.ones((6, 6), int)), "abcdef")
    assert len(lines) == 4
    assert lines[-1] == "3 more of its classes are recognized less than 9 times in 10."
