from types import SimpleNamespace

import numpy as np
import pytest

from edgecnn.dataset.folds import possible_folds
from edgecnn.errors import GateError
from edgecnn.evaluation.interval import wilson
from edgecnn.learning.alike import grouped
from edgecnn.learning.crossval import Answers, Fold, make_folds
from edgecnn.learning.curve import Point
from edgecnn.learning.judge import FLOOR, Judgment, judge_by_folds, require_parity, settle_rule
from edgecnn.learning.material import Material
from edgecnn.learning.request import Request
from edgecnn.learning.sentences import headlines, in_short, unknown_sentences, weak_classes
from tests.edgecnn.learning.made import directions, made

LABELS = ("cup", "pen", "background")


def material(labels, background=None):
    photos = made(np.random.default_rng(0).normal(0, 1, (len(labels), 16)), labels)  # none alike
    return Material(None, LABELS[: max(labels) + 1], background, photos, None, (), 0)


def answers(best, sure, near):
    """Answers whose softmax gives `sure` to the class `best`, and the same to all others."""
    classes = max(best) + 1
    likely = np.full((len(best), classes), (1 - np.array(sure))[:, None] / (classes - 1))
    likely[np.arange(len(best)), best] = sure
    return Answers(np.arange(len(best)), np.log(likely).astype(np.float32), np.array(near, np.float32))


def halves(count):
    both = np.arange(count) % 2
    return [Fold(np.flatnonzero(both != k), np.flatnonzero(both == k)) for k in (0, 1)]


def judgment(confusion, **changes):
    plain = Judgment(5, np.array(confusion), None, None, 0.05, None, 0.02, ())
    return plain._replace(**changes)


def test_what_was_right_is_counted_by_hand():
    labels = [0] * 10 + [1] * 10
    best = [0] * 9 + [1] + [1] * 8 + [0, 0]
    found = judge_by_folds(material(labels), answers(best, [0.8] * 20, [0.9] * 20), halves(20), None)
    assert found.confusion.tolist() == [[9, 1], [2, 8]]
    assert (found.photos, found.top1, found.folds) == (20, 0.85, 2)
    assert found.interval == (wilson(0.85, 20), 1 - wilson(0.15, 20))
    assert (found.rejected, found.accepted, found.float_top1, found.agreement) == (0, None, None, None)
    assert {(w.item.id, w.named) for w in found.wrong} == {("9", 1), ("18", 0), ("19", 0)}
    assert [w.score for w in found.wrong] == sorted((w.score for w in found.wrong), reverse=True)


def test_photos_of_one_scene_lower_the_threshold_of_nearness():
    labels, near = [0, 1] * 10, [0.9] * 20
    given = answers(labels, [0.9] * 20, near)
    of_one_scene = material(labels)._replace(taught=made(np.ones((20, 2)), labels))
    plain = settle_rule(material(labels), given, halves(20)).nearness
    lowered = settle_rule(of_one_scene, given, halves(20)).nearness
    assert plain - lowered == 13 / 128
    assert (lowered * 128).is_integer()
    assert judge_by_folds(of_one_scene, given, halves(20), None).rejected == 0


def test_photos_whose_twins_were_taught_are_counted():
    labels, best = [0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2]
    alike = material(labels, 2)._replace(taught=made(np.ones((6, 2)), labels))
    found = judge_by_folds(alike, answers(best, [0.8] * 6, [0.9] * 6), halves(6), None)
    assert found.familiar == 4, "all embeddings are the same; other things do not count"
    rows = np.array([[1, 0], [0, 1], [1, 0.1], [-1, 0], [0, -1], [-1, -1]])
    apart = material(labels)._replace(taught=made(rows, labels, ["a", "a", None, None, None, None]))
    found = judge_by_folds(apart, answers(best, [0.8] * 6, [0.9] * 6), halves(6), None)
    assert found.familiar == 2, "the group of both halves; the near duplicates 0 and 2 are in the same half"


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 5])
def test_folds_that_keep_near_duplicates_together_measure_none_that_was_taught(seed):
    """Though the mean of the photos of four folds is not that of all photos."""
    rows, labels = directions([8, 6, 10], values=16, spread=0.6, seed=seed)
    photos = made(rows, labels)
    assert possible_folds(grouped(photos)) >= 2
    every = Answers(np.arange(24), np.eye(3, dtype=np.float32)[labels], np.ones(24, np.float32))
    found = judge_by_folds(material(labels)._replace(taught=photos), every, make_folds(photos, seed), None)
    assert found.familiar == 0


def test_scores_that_are_as_often_right_as_they_say_have_no_calibration_error():
    labels = [0] * 50 + [1] * 50
    best = [0] * 40 + [1] * 10 + [1] * 40 + [0] * 10
    found = judge_by_folds(material(labels), answers(best, [0.8] * 100, [0.9] * 100), halves(100), None)
    assert found.calibration_error < 0.01
    certain = judge_by_folds(material(labels), answers(best, [0.999] * 100, [0.9] * 100), halves(100), None)
    assert certain.calibration_error < 0.07, "the other fold's temperature corrects what is too sure"


def test_photos_that_are_not_near_are_rejected_by_the_other_folds_threshold():
    near = [0.9] * 40
    near[7] = near[20] = 0.1
    found = judge_by_folds(material([0, 1] * 20), answers([0, 1] * 20, [0.9] * 40, near), halves(40), None)
    assert found.rejected == 0, "of the twenty of the other half, the lowest one is the threshold"
    near[20] = 0.9
    found = judge_by_folds(material([0, 1] * 20), answers([0, 1] * 20, [0.9] * 40, near), halves(40), None)
    assert found.rejected == 1 / 40
    rule = settle_rule(material([0, 1] * 20), answers([0, 1] * 20, [0.9] * 40, near), halves(40))
    assert rule.nearness == int(0.9 * 128) / 128, "of forty photos the second one is the threshold"
    assert rule.temperature > 0


def test_other_things_count_on_their_own():
    labels = [0] * 10 + [1] * 10 + [2] * 10
    best = [0] * 10 + [1] * 9 + [2] + [2] * 7 + [0] * 3
    near = [0.9] * 29 + [0.2]
    found = judge_by_folds(material(labels, background=2), answers(best, [0.9] * 30, near), halves(30), None)
    assert found.confusion.tolist() == [[10, 0, 0], [0, 9, 1], [0, 0, 0]], "photos of the classes alone"
    assert found.accepted == 2 / 10, "two of three that got a class were near"
    assert found.rejected == 1 / 20, "what looks like other things is unknown"
    rule = settle_rule(material(labels, background=2), answers(best, [0.9] * 30, near), halves(30))
    assert rule.nearness == int(0.9 * 128) / 128, "other things do not move the threshold"


def test_the_floor_is_half_a_step_of_int8():
    assert FLOOR == 1 / 256 / 2


def test_a_single_variant_is_compared_with_nothing():
    require_parity(judgment([[5, 5], [5, 5]]), None, Request(), {"int8": None})


def test_variants_that_disagree_are_not_published():
    int8 = SimpleNamespace(model=SimpleNamespace(file=SimpleNamespace(float_tensors=())))
    both = {"int8": int8, "float32": int8}
    require_parity(judgment([[50, 0], [0, 50]], agreement=0.99), None, Request(), both)
    with pytest.raises(GateError, match=r"same answer for 75\.00% of 100 .*--trunk, or accept it with"):
        require_parity(judgment([[50, 0], [0, 50]], agreement=0.75), None, Request(), both)
    require_parity(judgment([[50, 0], [0, 50]], agreement=0.75), None, Request(allowed_drop=25), both)


CURVE = (Point(5, 0.7, 0.5, 0.9), Point(10, 0.85, 0.7, 0.9))


def test_sentences_say_what_was_measured():
    judged = judgment([[9, 1], [2, 8]], right_in_use=0.8)
    assert in_short(judged, CURVE, LABELS[:2]) == (
        "It classifies 17 of 20 photos, each by a head that had not seen it, correctly (85.0%); expect 64% "
        "to 95% of new photos like these (95 % interval).",
        "With `unknown`, 80.0% get the right answer, 15.0% a wrong one and 5.0% none.",
        "Twice the photos would give about +7.5 points.",
        "pen is recognized in 8 of 10 photos, mostly taken for cup: add photos of pen.",
    )
    assert "20 test photos correctly" in in_short(judged._replace(folds=0), CURVE, LABELS[:2])[0]
    assert weak_classes(judgment([[10, 0], [0, 10]]), LABELS[:2]) == (
        "Each class is recognized at least 9 times in 10.",
    )


def test_the_weakest_classes_are_named_and_the_others_counted():
    labels = "abcdef"
    confusion = np.eye(6, dtype=int) * 5 + 1
    confusion[2, 3] = 9
    lines = weak_classes(judgment(confusion), labels)
    assert lines[0] == "c is recognized in 6 of 19 photos, mostly taken for d: add photos of c."
    assert lines[-1] == "3 more classes are recognized less than 9 times in 10."
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("judged", "expected"),
    [
        (judgment([[50, 0], [0, 50]]), ()),
        (judgment([[12, 10], [12, 10]]), ("With 2 classes this is hardly better than guessing",)),
        (judgment([[9, 0], [0, 9]]), ("Only 18 photos measured it: the accuracy may be anywhere from 82%",)),
        (judgment([[50, 0], [0, 50]], accepted=0.3), ("30% of the photos of other things get a class",)),
        (judgment([[50, 0], [0, 50]], rejected=0.2), ("20% of the photos of its classes are called",)),
        (judgment([[50, 0], [0, 50]], familiar=7), ("7 of the 100 photos that measured it are nearly",)),
    ],
    ids=["good", "guessing", "few", "accepted", "rejected", "familiar"],
)  # fmt: skip
def test_warnings_come_where_they_are_due(judged, expected):
    lines = headlines(judged, CURVE)
    assert len(lines) == len(expected)
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(start)


def test_what_is_unknown_is_said():
    lesson = SimpleNamespace(
        rule=SimpleNamespace(nearness=0.703125), material=SimpleNamespace(background=None, labels=LABELS)
    )
    lines = unknown_sentences(lesson, judgment([[1]], rejected=0.04))
    assert "less near to the taught photos than 0.703" in lines[0]
    assert "to reject 5% of the photos of the classes; it rejects 4.0%" in lines[0]
    assert "--negatives FOLDER" in lines[1]
    lesson.material.background = 2
    lines = unknown_sentences(lesson, judgment([[1]], accepted=0.125, other_things=8))
    assert lines[1:] == (
        "It is also `unknown` where the best class is `background`.",
        "Of 8 photos of other things, 12.5% get a class all the same.",
    )


def test_near_duplicates_widen_the_interval():
    labels, best = [0] * 20 + [1] * 20, [0] * 18 + [1] * 22
    alone, twins = material(labels), material(labels)
    twins.taught.views["plain"][1:20:2] = twins.taught.views["plain"][0:20:2]
    found = [
        judge_by_folds(m, answers(best, [0.8] * 40, [0.9] * 40), halves(40), None) for m in (alone, twins)
    ]
    assert [f.units for f in found] == [40, 30]
    assert found[0].top1 == found[1].top1
    assert found[1].interval[0] < found[0].interval[0]
