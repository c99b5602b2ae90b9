import numpy as np
import pytest

from edgecnn.bundle.confidence import temper
from edgecnn.evaluation.confidence import accept_at_most, fit_temperature, reject_at_most
from edgecnn.evaluation.reliability import Reliability

TINY = float(np.finfo(np.float64).tiny)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def drawn(count: int, temperature: float, seed: int = 0):
    """Probabilities that are too sure, or not sure enough, by a temperature; and honestly drawn classes."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2.5, (count, 6))
    honest = softmax(logits)
    truth = (honest.cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    return softmax(logits * temperature), truth


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5, 6.0])
def test_a_known_temperature_is_found_again(temperature):
    own, truth = drawn(20_000, temperature)
    found = fit_temperature(own, truth, TINY)
    assert found == pytest.approx(temperature, rel=0.04)
    before, after = (Reliability.of(p, truth).error for p in (own, temper(own, found, TINY)))
    assert after < 0.015
    assert after < before or temperature == 1.0


def test_the_temperature_is_a_minimum_of_the_likelihood():
    own, truth = drawn(5_000, 3.0)

    def loss(temperature):
        return -np.log(temper(own, temperature, TINY)[np.arange(len(truth)), truth]).sum()

    found = fit_temperature(own, truth, TINY)
    assert loss(found) < min(loss(found * 0.95), loss(found * 1.05))


def test_a_handful_of_right_answers_does_not_make_every_score_a_one():
    own = np.full((4, 3), 0.1)
    own[:, 0] = 0.8
    few = fit_temperature(own, np.zeros(4, np.int64), TINY)
    many = fit_temperature(np.tile(own, (1000, 1)), np.zeros(4000, np.int64), TINY)
    assert 0.5 < few < 1
    assert many < 0.25


def test_quantized_zeros_of_the_true_class_are_no_infinite_loss():
    own = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert 1 < fit_temperature(own, np.array([0, 0, 1, 1]), 1 / 512) < 15


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.333, 0.5, 0.999])
@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_accepts_as_many_as_it_may_and_not_one_more(share, seed):
    scores = np.random.default_rng(seed).random(997)
    threshold = accept_at_most(share, scores)
    assert np.sum(scores >= threshold) == int(share * 997)


def test_ties_are_rejected_together():
    scores = np.array([0.9, 0.8, 0.8, 0.8, 0.3, 0.2, 0.2, 0.1, 0.1, 0.1])
    assert accept_at_most(0.2, scores) == pytest.approx(0.85), "two may pass, but three share the place"
    assert accept_at_most(0.4, scores) == pytest.approx(0.55)
    assert accept_at_most(1.0, scores) == 0


def test_where_the_background_class_suffices_no_threshold_is_set():
    scores = np.array([0.99, *[-1.0] * 99])
    assert accept_at_most(0.01, scores) == 0
    assert accept_at_most(0.0, scores) == pytest.approx(0.995)


def test_scores_of_exactly_one_can_only_pass():
    assert accept_at_most(0.05, np.ones(100)) == 1


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25])
def test_the_limit_on_true_images_is_kept(share):
    scores = np.random.default_rng(3).random(503)
    threshold = reject_at_most(share, scores)
    assert np.sum(scores < threshold) == int(share * 503)
    assert np.sum(scores < threshold + 0.05) > share * 503
