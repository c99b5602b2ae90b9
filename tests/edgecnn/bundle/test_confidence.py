import json
import shutil

import numpy as np
import pytest

import edgecnn
from edgecnn.bundle import bundle
from edgecnn.bundle.confidence import Confidence, read_confidence, smallest, temper
from edgecnn.classify.decode import Decoder
from edgecnn.classify.golden import check
from edgecnn.errors import BundleError, OptionError
from edgecnn.tflite.file import Tensor
from tests.conftest import draw_seven

LABELS = ("a", "b", "c", "d", "e")
INT8 = Tensor("out", (1, 5), "int8", 1 / 256, -128, 1)
UINT8 = Tensor("out", (1, 5), "uint8", 1 / 256, 0, 1)
FLOAT = Tensor("out", (1, 5), "float32", 0.0, 0, 0)


def by_formula(probabilities, temperature: float):
    """softmax(log p / T), written plainly."""
    logits = np.log(np.asarray(probabilities, np.float64)) / temperature
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


@pytest.fixture
def raw():
    """Outputs of every kind: certain, torn, tied, with zeros."""
    rng = np.random.default_rng(0)
    rows = (rng.dirichlet(np.full(5, 0.3), 200) * 256).round().clip(0, 255) - 128
    ties = [[127, -128, -128, -128, -128], [0, 0, -128, -128, -128], [-77, -77, -77, -77, -76]]
    return np.concatenate([rows, ties]).astype(np.int8)


@pytest.mark.parametrize("temperature", [0.3, 0.9, 1.7, 6.0])
def test_a_temperature_is_softmax_of_the_logarithms_for_int8(raw, temperature):
    decode = Decoder(LABELS, INT8, logits=False, temperature=temperature)
    for row in raw:
        # A quantized zero counts as half a step.
        real = np.where(row == -128, 0.5, row.astype(float) + 128) / 256
        scores = {p.index: p.score for p in decode(row)}
        assert [scores[i] for i in range(5)] == pytest.approx(
            by_formula(real, temperature).tolist(), rel=1e-12
        )
        assert sum(scores.values()) == pytest.approx(1)


def test_unsigned_outputs_are_the_same(raw):
    signed = Decoder(LABELS, INT8, logits=False, temperature=2.0)
    unsigned = Decoder(LABELS, UINT8, logits=False, temperature=2.0)
    for row in raw:
        assert unsigned((row.astype(np.int16) + 128).astype(np.uint8)) == signed(row)


@pytest.mark.parametrize("temperature", [0.3, 1.7, 6.0])
def test_a_temperature_is_softmax_of_the_logarithms_for_float(temperature):
    decode = Decoder(LABELS, FLOAT, logits=False, temperature=temperature)
    for row in np.random.default_rng(1).dirichlet(np.full(5, 0.5), 100).astype(np.float32):
        scores = {p.index: p.score for p in decode(row)}
        assert [scores[i] for i in range(5)] == pytest.approx(by_formula(row, temperature).tolist(), rel=1e-9)


def test_a_temperature_divides_the_logits_of_a_graph_that_ends_in_them():
    logits = np.array([2.0, -1.0, 0.5, 0.0, 4.0], np.float32)
    decode = Decoder(LABELS, FLOAT, logits=True, temperature=3.0)
    expected = np.exp(logits / 3) / np.exp(logits / 3).sum()
    assert {p.index: p.score for p in decode(logits)} == pytest.approx(dict(enumerate(expected)), rel=1e-5)


def test_a_float_zero_stays_next_to_nothing():
    decode = Decoder(LABELS, FLOAT, logits=False, temperature=4.0)
    predictions = decode(np.array([1, 0, 0, 0, 0], np.float32))
    assert predictions[0].score == pytest.approx(1)
    assert all(p.score < 1e-30 for p in predictions[1:])


@pytest.mark.parametrize("temperature", [0.05, 0.5, 3.0, 20.0])
def test_the_order_never_changes(raw, temperature):
    for tensor, outputs in ((INT8, raw), (FLOAT, np.maximum(raw.astype(np.float32) + 128, 0) / 256)):
        plain = Decoder(LABELS, tensor, logits=False)
        tempered = Decoder(LABELS, tensor, logits=False, temperature=temperature)
        for row in outputs:
            after = tempered(row)
            assert [p.index for p in after] == [p.index for p in plain(row)]
            assert [p.score for p in after] == sorted((p.score for p in after), reverse=True)
            assert tempered(row, 2) == after[:2]


def test_temper_is_the_decoders_own_arithmetic(raw):
    decode = Decoder(LABELS, INT8, logits=False, temperature=1.7)
    own = np.array([decode.probabilities(row) for row in raw])
    scores = temper(own, 1.7, smallest(INT8))
    for row, expected in zip(raw, scores, strict=True):
        assert {p.index: p.score for p in decode(row)} == pytest.approx(dict(enumerate(expected)), abs=1e-15)


@pytest.fixture
def unsure(tmp_path):
    """A copy of the shipped model that was calibrated; write other figures into it with the function."""
    folder = tmp_path / "unsure"
    shutil.copytree(bundle.find("digits"), folder)

    def write(temperature=2.0, threshold=0.6, background=None, **changes):
        manifest = json.loads((folder / "bundle.json").read_text())
        variants = {v: {"temperature": temperature, "threshold": threshold} for v in ("int8", "float32")}
        manifest["confidence"] = {"variants": variants, "unknown": {"background": background}} | changes
        (folder / "bundle.json").write_text(json.dumps(manifest))
        return folder

    write()
    return write


@pytest.mark.parametrize("variant", ["int8", "float32"])
def test_the_bundles_temperature_is_used_and_its_golden_vectors_still_agree(unsure, variant):
    plain = edgecnn.load(unsure(temperature=1.0), variant)
    with plain, edgecnn.load(unsure(), variant) as calibrated:
        own = plain.probabilities(draw_seven())
        floor = smallest(plain.model.file.outputs[0])
        scores = {p.index: p.score for p in calibrated.classify(draw_seven())}
        assert scores == pytest.approx(dict(enumerate(temper(own, 2.0, floor))))
        assert calibrated.probabilities(draw_seven()).tolist() == own.tolist()
        assert [p.index for p in plain.classify(draw_seven())] == list(scores)
        assert check(calibrated).agrees


def test_a_bundle_without_the_table_is_as_it_was(tmp_path):
    folder = tmp_path / "old"
    shutil.copytree(bundle.find("digits"), folder)
    manifest = json.loads((folder / "bundle.json").read_text())
    del manifest["confidence"]
    (folder / "bundle.json").write_text(json.dumps(manifest))
    with edgecnn.load(folder) as classifier:
        assert classifier.model.confidence == Confidence(1.0, 0.0, None)
        predictions = classifier.classify(draw_seven())
        assert classifier.knows(predictions)
        assert predictions[0].score == classifier.probabilities(draw_seven()).max()


def test_below_the_threshold_the_answer_is_unknown(unsure):
    # The fake engine's best score is 0.75, the next one's 0.25, the rest are zeros.
    best = temper(np.array([0.75, 0.25, *[0] * 8]), 2.0, 1 / 512).max()
    for threshold, known in ((best - 1e-6, True), (best + 1e-6, False)):
        with edgecnn.load(unsure(threshold=threshold), engine="fake") as classifier:
            predictions = classifier.classify(draw_seven())
            assert classifier.knows(predictions) is known
            assert len(predictions) == 10, "the classes are there all the same"
    for given, known in ((0, True), (1, False), (best - 1e-6, True)):
        with edgecnn.load(unsure(), engine="fake", threshold=given) as classifier:
            assert classifier.knows(classifier.classify(draw_seven())) is known


def test_the_background_class_is_unknown_unless_no_threshold_is_asked_for(unsure):
    with edgecnn.load(unsure(threshold=0, background="7")) as classifier:
        assert not classifier.knows(classifier.classify(draw_seven(), 1))
    with edgecnn.load(unsure(threshold=0, background="7"), threshold=0) as classifier:
        assert classifier.knows(classifier.classify(draw_seven(), 1))
    with edgecnn.load(unsure(threshold=0, background="3")) as classifier:
        assert classifier.knows(classifier.classify(draw_seven(), 1))


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_score_is_refused(threshold):
    with pytest.raises(OptionError, match="expected a score from 0"):
        edgecnn.load("digits", threshold=threshold)


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        (
            {"temperature": 0},
            r"confidence\.variants\.int8\.temperature is 0, expected a number from 0\.05 to 20",
        ),
        ({"temperature": "hot"}, r"int8\.temperature is 'hot'"),
        ({"temperature": float("nan")}, "it has NaN, which is no number in JSON"),
        ({"temperature": True}, r"int8\.temperature is true"),
        ({"threshold": 1.5}, r"int8\.threshold is 1\.5, expected a number from 0 to 1"),
        ({"threshold": None}, r"int8\.threshold is null"),
        ({"background": "ten"}, "background is 'ten', expected one of the labels"),
        ({"background": 7}, "background is 7, expected one of the labels"),
        ({"variants": {}}, "lacks the key 'int8'"),
        ({"variants": {"int8": 3}}, r"confidence\.variants\.int8 is 3, expected a table"),
        ({"unknown": {}}, "lacks the key 'background'"),
        ({"unknown": None}, r"confidence\.unknown is null, expected a table"),
    ],
)
def test_a_bad_table_is_refused(unsure, figures, message):
    with pytest.raises(BundleError, match=message):
        bundle.open_model(unsure(**figures))


def test_no_table_is_no_confidence():
    assert read_confidence(None, LABELS, ["int8"]) == {}
