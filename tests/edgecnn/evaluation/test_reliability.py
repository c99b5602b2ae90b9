import numpy as np
import pytest

from edgecnn.evaluation.reliability import Reliability


def test_the_calibration_error_is_what_a_hand_works_out():
    # Bins of 1/15: 0.9 and 0.91 share the 14th, 0.55 is in the 9th, 1/3 is the upper edge of the 5th.
    best = np.array([0.90, 0.91, 0.55, 1 / 3, 1.0])
    own = np.stack([best, (1 - best) / 2, (1 - best) / 2], axis=1)
    own[3] = 1 / 3
    truth = np.array([0, 1, 0, 2, 0])
    bins = Reliability.of(own, truth)
    assert bins.count.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 2, 1]
    assert bins.accuracy[[4, 8, 13, 14]].tolist() == [0, 1, 0.5, 1]
    assert bins.score[13] == pytest.approx(0.905)
    assert bins.error == pytest.approx((1 / 3 + 0.45 + 2 * 0.405 + 0) / 5)


def test_scores_that_are_always_right_by_their_value_have_no_error():
    own = np.tile([[0.75, 0.25]], (4, 1))
    assert Reliability.of(own, np.array([0, 0, 0, 1])).error == 0
