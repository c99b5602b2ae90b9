from dataclasses import replace

import numpy as np
import pytest

from edgecnn_train.report.verdict import headlines, verdict
from tests.edgecnn.report.test_sentences import HANDS, of
from tests.train.report.conftest import as_model


@pytest.fixture
def told(sections):
    """Sections for three hands, whose `unknown` works."""
    sections["labels"] = HANDS
    return sections


def test_a_weak_class_is_named_with_what_it_is_taken_for(told):
    result = of([[8, 0, 0], [0, 8, 0], [4, 1, 3]])
    assert verdict(as_model(told), result) == (
        "It classifies 19 of 24 images correctly (79.2%); expect 60% to 91% of new images "
        "like these (95 % interval).",
        "scissors is recognized in 3 of 8 images, mostly taken for paper: add photos of scissors.",
    )
    assert headlines(as_model(told), result) == ()


def test_an_unknown_that_lets_most_negatives_pass_is_a_headline(told):
    result = of(np.eye(3, dtype=int) * 10)
    variant = told["confidence"]["variants"]["int8"]
    variant["false_accept"] = 0.94
    [line] = headlines(as_model(told), result)
    assert line.startswith("`unknown` does not work: 94% of images of other things get a class.")
    assert "unknown.background_class=true" in line
    variant["false_accept"] = 0.3
    assert headlines(as_model(told), result) == ()
    assert any(
        line.startswith("30% of images of other things get a class")
        for line in verdict(as_model(told), result)
    )
    variant.update(false_accept=0.05, false_reject=0.4)
    assert "a higher `unknown.false_accept`" in verdict(as_model(told), result)[-1]
    variant["capped"] = True
    assert verdict(as_model(told), result)[-1].startswith("40% of images of its classes")
    assert "unknown.false_accept" not in verdict(as_model(told), result)[-1]
    told["confidence"]["unknown"]["background"] = "nothing"
    variant["false_accept"] = 0.94
    assert "more and other images of `nothing`" in headlines(as_model(told), result)[0]


def test_guessing_is_a_headline(told):
    result = replace(of(np.ones((3, 3), int)), int8_top1=0.4)
    assert headlines(as_model(told), result)[0].startswith(
        "With 3 classes this is hardly better than guessing"
    )
