"""One rule of `unknown`, for single results and for streams."""

import time

import numpy as np
import pytest

from edgecnn.bundle.bundle import open_model
from edgecnn.classify.classifier import Classifier
from edgecnn.classify.smooth import Smoother
from edgecnn.classify.smooth_labels import LabelsSmoother
from edgecnn.classify.verdict import Verdict
from edgecnn.engine.fake import FakeEngine
from edgecnn.errors import OptionError
from edgecnn.frame import Frame, Prediction
from tests.conftest import draw_seven

LABELS = ("a", "b", "c", "none")


def ranked(scores):
    order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
    return [Prediction(LABELS[i], i, float(scores[i])) for i in order]


@pytest.mark.parametrize("background", [None, 3])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.7, 1.0])
def test_one_result_and_a_stream_of_one_agree(threshold, background):
    verdict = Verdict(threshold, background)
    rng = np.random.default_rng(1)
    rows = [*rng.dirichlet([0.3] * 4, 200), np.array([threshold, 0, 0, 0]), np.array([0, 0, 0, 1.0])]
    answers = set()
    for scores in rows:
        known = verdict.knows(ranked(scores))
        answers.add(known)
        assert (Smoother(LABELS, verdict, 0.4, 4)(scores).answer is not None) == known
    assert answers == {True, False} if verdict.may_be_unknown else {True}


def test_labels_found_in_one_result_and_in_a_stream_of_one_agree():
    verdict = Verdict(thresholds=(0.5, 0.8, 0.2, 0.6))
    for scores in (*np.random.default_rng(2).random((200, 4)), np.array([0.5, 0.8, 0.2, 0.6])):
        found = verdict.found(ranked(scores))
        assert verdict.knows(ranked(scores)) == bool(found)
        assert LabelsSmoother(LABELS, verdict)(scores).found == found


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(),
        Verdict(0.5),
        Verdict(0.5, 3),
        Verdict(0.0, 3),
        Verdict(0.4, 3, nearness=0.7),
        Verdict(nearness=-0.1),
        Verdict(0.2, None, (0.5, 0.8, 0.2, 0.6), 0.7),
    ],
)
def test_many_images_are_judged_as_each_one_is(verdict):
    rng = np.random.default_rng(3)
    scores = np.concatenate([rng.dirichlet([0.3] * 4, 300), [[0.5, 0, 0, 0.5], [0.4, 0.3, 0.2, 0.1]]])
    # As a float32, 0.7 lies below 0.7.
    near = rng.uniform(-1, 1, len(scores)).astype(np.float32)
    near[-2:] = 0.7
    each = [verdict.knows(ranked(s), n) for s, n in zip(scores, near.tolist(), strict=True)]
    assert verdict.known(scores, near).tolist() == each
    assert set(each) == ({True, False} if verdict.may_be_unknown else {True})


def test_best_scores_are_what_a_threshold_decides():
    scores = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]])
    assert Verdict().best_scores(scores).tolist() == [0.7, 0.8, 0.4]
    assert Verdict(background=2).best_scores(scores).tolist() == [0.7, -1, 0.4]
    assert Verdict(0.5, 2).known(scores).tolist() == [True, False, False]


def test_a_rule_by_nearness_needs_the_nearness():
    verdict = Verdict(nearness=0.5)
    assert verdict.may_be_unknown
    assert [verdict.knows(ranked([1, 0, 0, 0]), n) for n in (0.5, 0.49)] == [True, False]
    for judge in (
        lambda: verdict.knows(ranked([1, 0, 0, 0])),
        lambda: verdict.known(np.eye(4)),
        lambda: verdict._replace(thresholds=(0.5,) * 4).found(ranked([1, 0, 0, 0])),
    ):
        with pytest.raises(OptionError, match="nearness is missing"):
            judge()


class Counted(np.ndarray):
    """An output that counts how often it is decoded."""

    decoded = 0

    def reshape(self, *shape):
        Counted.decoded += 1
        return np.asarray(self).reshape(*shape)


class Counting(FakeEngine):
    """An engine whose outputs count."""

    def invoke(self, tensor):
        return super().invoke(tensor).view(Counted)


class Slow(Smoother):
    """A smoother that takes 20 ms."""

    def __call__(self, *arguments):
        time.sleep(0.02)
        return super().__call__(*arguments)


@pytest.mark.parametrize("smooth", [False, True])
def test_a_frame_is_decoded_once_and_smoothing_is_timed(smooth):
    model = open_model("digits")
    with Classifier(model, Counting(model, "fake", 1)) as classifier:
        Counted.decoded = 0
        smoother = Slow(classifier.labels, classifier.verdict) if smooth else None
        frame = Frame(draw_seven(), time.monotonic_ns(), 0, "drawn")
        result = classifier.classify_frame(frame, 3, smoother)
    assert Counted.decoded == 1
    assert (result.steady is not None) == smooth
    assert (result.timings.decode_ms >= 20) == smooth
