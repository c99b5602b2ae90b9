from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from edgecnn.errors import GateError
from edgecnn.evaluation import verified as room
from edgecnn.evaluation.verified import GateAdvice, Verified, compare_answers, lost, together

gate = partial(room.gate, advice=GateAdvice("guess less", "learn more", "drop less", "agree"))


def test_answers_are_compared_with_the_truth_and_with_one_another():
    truth = np.array([0, 0, 1, 1])
    named = {
        "int8": np.array([0, 1, 1, 0]),
        "float32": np.array([0, 0, 1, 0]),
        "float16": np.array([0, 0, 1, 1]),
    }
    found = compare_answers(truth, named, ("a", "b"), ("scores",), 0.5)
    assert (found.pictures, found.int8_top1, found.float_top1) == (4, 0.5, 0.75)
    assert found.drop == 25
    assert found.agreement == 0.75
    assert found.confusion.tolist() == [[1, 1], [1, 1]]
    assert found.wrong == (1, 3)
    assert found.others == {"float16": 1.0}
    assert (found.float_tensors, found.synthetic) == (("scores",), 0.5)
    assert found.as_dict() == {
        "test_pictures": 4,
        "agreement": 0.75,
        "drop_points": 25,
        "float_tensors": 1,
        "synthetic": 0.5,
    }


def test_results_of_several_networks_count_by_their_images():
    truth = np.array([0, 1])
    right, wrong = (np.array(answers) for answers in ([0, 1], [1, 0]))
    one = compare_answers(truth, {"int8": right, "float32": right}, ("a", "b"), ("x",))
    thrice = dict.fromkeys(("int8", "float32"), np.tile(wrong, 3))
    other = compare_answers(np.tile(truth, 3), thrice, ("a", "b"), ())
    both = together([one, other])
    assert (both.pictures, both.int8_top1, both.float_top1, both.agreement) == (8, 0.25, 0.25, 1.0)
    assert both.confusion.tolist() == [[1, 3], [3, 1]]
    assert both.float_tensors == ("x",)


def verified(float_top1: float, int8_top1: float, float_tensors: tuple[str, ...] = ()) -> Verified:
    return Verified(1000, float_top1, int8_top1, 0.98, float_tensors, np.eye(2, dtype=np.int64), None)


def test_the_gate_refuses_a_drop_of_more_than_a_point_unless_it_is_named():
    gate(verified(0.99, 0.98))
    gate(verified(0.98, 0.99))
    with pytest.raises(GateError, match=r"1\.50 points below .*; drop less, or .* --allow-drop 1\.50"):
        gate(verified(0.99, 0.975))
    gate(verified(0.99, 0.975), allowed_drop=1.5)
    few = replace(verified(1.0, 0.975), pictures=40)
    gate(few)  # one image
    with pytest.raises(GateError, match="2 of 40 test images"):
        gate(replace(few, int8_top1=0.95))
    differing = replace(verified(1.0, 0.975), pictures=120, agreement=1 - 9 / 120)
    gate(differing)  # three lost of nine that differ: they may as well have been won
    with pytest.raises(GateError, match="7 of 120 test images"):
        gate(replace(differing, int8_top1=1 - 7 / 120))
    with pytest.raises(GateError, match="2 tensors are float, such as a"):
        gate(verified(0.99, 0.99, ("a", "b")), allowed_drop=50)


def test_a_model_that_agrees_too_little_is_not_published():
    result = Verified(100, 0.9, 0.9, 0.93, (), np.zeros((2, 2), np.int64), None)
    with pytest.raises(GateError, match=r"same answer for 93.00% of 100 test images, expected 95.00%; agree"):
        gate(result, agreement=0.95)
    gate(result, agreement=0.93)
    few = replace(result, pictures=14, agreement=12 / 14)
    with pytest.raises(GateError, match=r"not published: 14 test images are few, .*learn more; .*85.71%"):
        gate(few, agreement=0.95)
    with pytest.raises(
        GateError, match=r"not published: the float network .* hardly .*50.0% right.*: guess less;"
    ):
        gate(replace(few, float_top1=0.5), agreement=0.95)
    gate(replace(result, pictures=10, agreement=0.9), agreement=0.95)


def test_int8_gains_points_where_it_is_better():
    result = verified(1.0, 1.0)
    assert lost(replace(result, int8_top1=0.9, float_top1=0.85)) == "gains 5.00 points"
    assert lost(replace(result, int8_top1=0.85, float_top1=0.9)) == "loses 5.00 points"
