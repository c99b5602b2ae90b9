import itertools

import numpy as np
import pytest

import edgecnn
from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.classify.smooth import BAND, HOLD, SMOOTH, Smoother
from edgecnn.classify.smooth_labels import LabelsSmoother
from edgecnn.classify.verdict import Verdict
from edgecnn.errors import AnswerError, OptionError

LABELS = ("cat", "dog", "fox")


def scores(best: int, score: float = 0.8) -> np.ndarray:
    """Scores with one class ahead and the rest shared."""
    row = np.full(len(LABELS), (1 - score) / (len(LABELS) - 1))
    row[best] = score
    return row


def labels(smoother: Smoother, *rows: np.ndarray) -> list[str]:
    return [smoother(row).label for row in rows]


def test_averages_follow_the_formula():
    smoother = Smoother(LABELS, smooth=0.75, hold=1)
    expected = scores(0)
    assert np.allclose([p.score for p in smoother(scores(0)).predictions], sorted(expected, reverse=True))
    for best in (1, 1, 2, 0):
        expected = 0.75 * expected + 0.25 * scores(best)
        steady = smoother(scores(best))
        order = np.argsort(-expected, kind="stable")
        assert [p.index for p in steady.predictions] == order.tolist()
        assert np.allclose([p.score for p in steady.predictions], expected[order])
    assert len(smoother(scores(0), top=2).predictions) == 2


def test_the_first_answer_is_shown_immediately_and_a_change_has_to_last():
    smoother = Smoother(LABELS, smooth=0, hold=3)
    assert labels(smoother, scores(0), scores(1), scores(1)) == ["cat"] * 3
    assert labels(smoother, scores(1)) == ["dog"]
    # Asked for by turns, neither of two others ever lasts.
    assert set(labels(smoother, *(scores(k) for k in (0, 2, 0, 2, 0, 0, 1, 0, 0)))) == {"dog"}


def test_what_lies_on_a_border_does_not_flicker():
    smoother = Smoother(LABELS, smooth=0, hold=1)
    even = np.array([0.48, 0.48, 0.04])
    nudges = [np.add(even, (0, BAND * 0.9, 0)), np.add(even, (BAND * 0.9, 0, 0))]
    assert set(labels(smoother, even, *nudges * 4)) == {"cat"}
    assert labels(smoother, np.add(even, (0, BAND * 1.1, 0))) == ["dog"]

    smoother = Smoother(LABELS, Verdict(0.7), smooth=0, hold=1)
    assert labels(smoother, *(scores(0, s) for s in (0.69, 0.71, 0.69, 0.66, 0.64, 0.69, 0.7))) == [
        "unknown", "cat", "cat", "cat", "unknown", "unknown", "cat",
    ]  # fmt: skip


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.99])
def test_a_high_threshold_makes_no_answer_late(threshold):
    """An average of 0.4 parts past takes six results to cross 0.99; each of them crosses it on its own."""
    smoother = Smoother(LABELS, Verdict(threshold), smooth=0.4, hold=2)
    rows = [scores(0, 0.995)] * 5 + [scores(1, 0.995)] * 3
    assert labels(smoother, *rows) == ["cat"] * 6 + ["dog"] * 2


def test_most_results_have_to_be_known():
    smoother = Smoother(LABELS, Verdict(0.7), smooth=0.5, hold=1)
    assert labels(smoother, *(scores(0, s) for s in (0.9, 0.4, 0.9, 0.4, 0.4, 0.9, 0.9))) == [
        "cat", "cat", "cat", "unknown", "unknown", "cat", "cat",
    ]  # fmt: skip


def test_the_background_class_is_unknown():
    smoother = Smoother(LABELS, Verdict(background=2), smooth=0, hold=2)
    steady = [smoother(scores(k)) for k in (2, 0, 0, 2, 2)]
    assert [s.label for s in steady] == ["unknown", "unknown", "cat", "cat", "unknown"]
    assert steady[-1].answer is None
    assert steady[-1].predictions[0].label == "fox"


def test_another_stream_starts_from_scratch():
    smoother = Smoother(LABELS, smooth=0.9, hold=5)
    labels(smoother, scores(0), scores(0))
    smoother.reset()
    steady = smoother(scores(1))
    assert steady.label == "dog"
    assert steady.predictions[0].score == pytest.approx(0.8)


def test_a_gap_is_another_stream_and_a_slow_model_none():
    def run(*seconds: float) -> list[str]:
        smoother = Smoother(LABELS, smooth=0.5, hold=4)
        rows = [scores(0)] * (len(seconds) - 1) + [scores(1)]
        return [smoother(r, 1, int(s * 1e9)).label for r, s in zip(rows, seconds, strict=True)]

    assert run(1, 1.1, 1.2, 3.1)[-1] == "cat"
    assert run(1, 1.1, 1.2, 3.3)[-1] == "dog"
    assert run(1, 4, 7, 10)[-1] == "cat"


@pytest.mark.parametrize(("smooth", "hold"), [(-0.1, 3), (1.0, 3), (float("nan"), 3), (0.5, 0)])
def test_impossible_settings_are_refused(smooth, hold):
    with pytest.raises(OptionError, match="expected"):
        Smoother(LABELS, smooth=smooth, hold=hold)


def nearnesses(smoother: Smoother, *values: float) -> list[str]:
    return [smoother(scores(0), nearness=value).label for value in values]


def test_the_nearness_is_averaged_like_the_scores():
    """With a = 0.5 from 0.9 on, of 0.35: 0.625, 0.4875, 0.41875, then of 0.9: 0.659, 0.78."""
    smoother = Smoother(LABELS, Verdict(nearness=0.5), smooth=0.5, hold=1)
    assert nearnesses(smoother, 0.9, 0.35, 0.35, 0.35, 0.9, 0.9) == [
        "cat", "cat", "cat", "unknown", "cat", "cat",
    ]  # fmt: skip
    strict = Smoother(LABELS, Verdict(nearness=0.7), smooth=0.5, hold=1)
    assert nearnesses(strict, 0.9, 0.35, 0.35, 0.35, 0.9, 0.9) == [
        "cat", "unknown", "unknown", "unknown", "unknown", "cat",
    ]  # fmt: skip


def test_a_nearness_on_the_border_does_not_flicker():
    smoother = Smoother(LABELS, Verdict(nearness=0.5), smooth=0, hold=1)
    assert nearnesses(smoother, 0.49, 0.51, 0.49, 0.46, 0.44, 0.49, 0.5) == [
        "unknown", "cat", "cat", "cat", "unknown", "unknown", "cat",
    ]  # fmt: skip


def test_an_unknown_nearness_has_to_last_as_any_answer():
    smoother = Smoother(LABELS, Verdict(nearness=0.5), smooth=0, hold=3)
    assert nearnesses(smoother, 0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1) == ["cat"] * 6 + ["unknown"]
    smoother.reset()
    assert nearnesses(smoother, 0.6) == ["cat"], "past results count no more"


def test_a_missing_nearness_leaves_no_trace():
    smoother, other = (Smoother(LABELS, Verdict(nearness=0.5), smooth=0.5) for _ in range(2))
    for value in (0.9, 0.2, 0.2):
        with pytest.raises(OptionError, match="nearness is missing"):
            smoother(scores(1))
        assert smoother(scores(0), nearness=value) == other(scores(0), nearness=value)


def test_labels_are_lost_with_the_nearness():
    """The averages of 0.9 and three 0.35 are 0.9, 0.625, 0.4875, 0.41875; a found label has 0.05 of slack."""
    smoother = LabelsSmoother(LABELS, Verdict(thresholds=(0.5,) * 3, nearness=0.5), smooth=0.5, hold=1)
    row = np.array([0.9, 0.8, 0.1])
    found = [smoother(row, nearness=value).found for value in (0.9, 0.35, 0.35, 0.35, 0.55, 0.55)]
    # Then 0.484, within the slack, but no label is found any more; then 0.517, which is enough.
    assert found == [("cat", "dog")] * 3 + [()] * 2 + [("cat", "dog")]


@pytest.mark.slow
def test_the_defaults_do_not_flicker_in_bad_light():
    """The figures behind the defaults: see the comment at SMOOTH."""
    raw, steady, truths = [], [], []
    with SyntheticCamera("synthetic:fps=0,seed=5,hold=45,flicker=22") as camera, edgecnn.load() as classifier:
        smoother = classifier.smoother()
        for _ in range(12 * 45):
            result = classifier.classify_frame(camera.read(), 1, smoother)
            raw.append(result.label)
            steady.append(result.shown)
            truths.append(result.frame.truth)

    def changes(labels):
        return sum(a != b for a, b in itertools.pairwise(labels))

    assert changes(raw) > 4 * changes(truths), "the light is bad"
    assert changes(steady) <= 1.25 * changes(truths)
    late = SMOOTH * HOLD / (1 - SMOOTH) + HOLD
    right = [np.mean([a == b for a, b in zip(x, truths, strict=True)]) for x in (raw, steady)]
    assert right[1] >= right[0] - late * changes(truths) / len(truths)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_leaves_no_trace(bad):
    smoother, other = (Smoother(LABELS, smooth=0.9, hold=2) for _ in range(2))
    for best in (0, 1, 1, 1, 2):
        with pytest.raises(AnswerError, match="NaN or infinity"):
            smoother(np.array([0.2, bad, 0.3]))
        assert smoother(scores(best)) == other(scores(best))
