import numpy as np
import pytest

from edgecnn.bundle.confidence import smallest
from edgecnn.classify.decode import Decoder, largest, softmax
from edgecnn.errors import AnswerError
from edgecnn.tflite.file import Tensor

LABELS = ("a", "b", "c", "d")
INT8 = Tensor("out", (1, 4), "int8", 1 / 256, -128, 1)
FLOAT = Tensor("out", (1, 4), "float32", 0.0, 0, 0)


def test_best_first_with_the_models_own_scores():
    decode = Decoder(LABELS, INT8, logits=False)
    predictions = decode(np.array([[-128, 100, -120, 20]], np.int8))
    assert [p.label for p in predictions] == ["b", "d", "c", "a"]
    assert [p.index for p in predictions] == [1, 3, 2, 0]
    assert predictions[0].score == pytest.approx(228 / 256)
    assert sum(p.score for p in predictions) != pytest.approx(1, abs=1e-3), "never renormalized"


def test_ties_keep_the_order_of_the_labels():
    decode = Decoder(LABELS, INT8, logits=False)
    assert [p.label for p in decode(np.array([0, 5, 5, 0], np.int8))] == ["b", "c", "a", "d"]


def test_extremes_do_not_wrap_around():
    decode = Decoder(LABELS, INT8, logits=False)
    scores = {p.label: p.score for p in decode(np.array([-128, 127, -128, 127], np.int8))}
    assert scores == {"a": 0.0, "b": 255 / 256, "c": 0.0, "d": 255 / 256}


def test_top_returns_the_first_of_all():
    decode = Decoder(LABELS, FLOAT, logits=False)
    raw = np.array([[0.1, 0.2, 0.3, 0.4]], np.float32)
    assert decode(raw, 2) == decode(raw)[:2]
    assert len(decode(raw, 99)) == 4


def test_logits_go_through_softmax():
    decode = Decoder(LABELS, FLOAT, logits=True)
    raw = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
    expected = np.exp(raw) / np.exp(raw).sum()
    assert [p.score for p in decode(raw)] == pytest.approx(sorted(expected.tolist(), reverse=True))


def test_softmax_survives_huge_logits():
    assert softmax(np.array([1000.0, 0.0], np.float32)).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "float32"])
@pytest.mark.parametrize("classes", [2, 10, 63, 64, 1001])
def test_a_few_best_are_the_first_of_all_in_order(dtype, classes):
    rng = np.random.default_rng(classes)
    few, lowest = rng.integers(0, 4, classes), 0 if dtype == "float32" else np.iinfo(dtype).min
    for drawn in (rng.integers(0, 120, classes), few, np.full(classes, lowest), np.sort(few)):
        values = drawn.astype(dtype)
        ranked = sorted(range(classes), key=lambda i: (-float(values[i]), i))
        for top in (1, 2, 3, 5, 6, None):
            assert largest(values, top) == ranked[:top]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("classes", [4, 100])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("logits", [False, True])
def test_what_is_no_number_is_no_score(bad, classes, temperature, logits):
    if logits and bad == -np.inf:
        return
    tensor = Tensor("out", (1, classes), "float32", 0.0, 0, 0)
    decode = Decoder(
        tuple(map(str, range(classes))), tensor, logits=logits, temperature=temperature, name="it"
    )
    values = np.linspace(0, 1, classes, dtype=np.float32)
    values[2] = bad
    for ask in (
        decode,
        lambda v: decode(v, 1),
        lambda v: decode(v, 3),
        decode.with_scores,
        decode.probabilities,
    ):
        with pytest.raises(AnswerError, match="it answered NaN or infinity, expected scores"):
            ask(values)
    values[2] = 0.5
    assert all(0 <= p.score <= 1 for p in decode(values)), "the next answer counts again"


def test_a_logit_of_minus_infinity_is_no_chance():
    decode = Decoder(LABELS, FLOAT, logits=True)
    predictions = decode(np.array([0, -np.inf, 0, -np.inf], np.float32))
    assert [p.score for p in predictions] == [0.5, 0.5, 0, 0]
    with pytest.raises(AnswerError):
        decode(np.full(4, -np.inf, np.float32))


@pytest.mark.parametrize("temperature", [0.05, 20.0])
@pytest.mark.parametrize("classes", [4, 100])
def test_no_chance_for_any_class_is_the_same_for_all(temperature, classes):
    """As a sigmoid can answer; its power at a low temperature must not vanish."""
    tensor = Tensor("out", (1, classes), "float32", 0.0, 0, 0)
    decode = Decoder(tuple(map(str, range(classes))), tensor, logits=False, temperature=temperature)
    values = np.zeros(classes, np.float32)
    assert [p.score for p in decode(values)] == pytest.approx([1 / classes] * classes)
    assert decode.with_scores(values)[1] == pytest.approx([1 / classes] * classes)


def scores_apart(decode: Decoder, tensor: Tensor, raw: np.ndarray, temperature: float) -> np.ndarray:
    """The scores of all classes, decoded apart from their ranking."""
    own = decode.probabilities(raw)
    if temperature == 1:
        return own.astype(np.float64)
    floor = max(smallest(tensor), 1e-300**temperature)
    weights = np.maximum(own, floor, dtype=np.float64) ** (1 / temperature)
    return weights / np.add.reduce(weights)


@pytest.mark.parametrize("temperature", [1.0, 0.37, 2.9])
@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("values", [1, 4, 10, 63, 64, 1000])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "float32"])
def test_a_ranking_and_all_scores_come_from_one_decoding(dtype, values, logits, temperature):
    scale, zero = (0.0, 0) if dtype == "float32" else (1 / 256, -128 if dtype == "int8" else 0)
    tensor = Tensor("out", (1, values), dtype, scale, zero, 1)
    labels = tuple(f"class {i}" for i in range(max(2, values)))
    decode = Decoder(labels, tensor, logits=logits, temperature=temperature)
    rng = np.random.default_rng(values)
    for _ in range(20):
        raw = rng.random((1, values), np.float32)
        if dtype != "float32":
            raw = (np.iinfo(dtype).min + np.floor(raw**3 * 256)).astype(dtype)
        for top in (1, 3, None):
            predictions, scores = decode.with_scores(raw, top)
            assert predictions == decode(raw, top), "bit for bit"
            assert np.array_equal(scores, scores_apart(decode, tensor, raw, temperature)), "bit for bit"
            assert scores.dtype == np.float64
            assert [scores[p.index] for p in predictions] == pytest.approx([p.score for p in predictions])
