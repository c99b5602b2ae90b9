from dataclasses import replace

import numpy as np
import pytest

from edgecnn.evaluation.reliability import Reliability
from edgecnn_train.confidence import Calibrated, CalibratedVariant


def calibrated(**changes):
    bins = Reliability.of(np.array([[0.75, 0.25]]), np.array([0]))
    figures = {
        "temperature": 1.5, "threshold": 0.6, "false_accept": 0.05, "false_reject": 0.02, "capped": False,
        "asked": 0.6, "asked_false_reject": 0.02, "validation": (bins, bins), "test": (bins, bins),
    } | changes  # fmt: skip
    return Calibrated({"int8": CalibratedVariant(**figures)}, 0.05, 0.1, "generated: noise", 1000, None, 0)


def test_what_a_threshold_costs_is_said():
    (line,) = calibrated().lines()
    assert "unknown below 0.600: 5.0% of the negatives (other things) get a class" in line
    assert "a class, 2.0% of the test images get none" in line
    assert "no threshold" in calibrated(threshold=0.0).lines()[0]
    capped = calibrated(capped=True, asked=0.97, asked_false_reject=0.43).lines()[1]
    assert "a threshold of 0.970, which rejects 43.0%" in capped
    many = calibrated(false_reject=0.12).lines()[1]
    assert "calls 12.0% of the test images unknown: a higher `unknown.false_accept`" in many


@pytest.mark.parametrize("background", [None, "nothing"])
def test_a_capped_threshold_is_not_answered_with_a_higher_false_accept(background):
    found = replace(calibrated(capped=True, asked=0.97, false_reject=0.2), background=background)
    _, capped, many = found.lines()
    assert "unknown.false_accept" not in capped + many
    assert "more epochs" in capped
    assert "--epochs" in many
    assert ("background_class=true" in capped) is (background is None)
