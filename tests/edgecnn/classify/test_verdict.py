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
