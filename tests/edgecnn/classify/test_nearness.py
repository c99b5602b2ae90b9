"""Models with a second output, the nearness: from the engine to `unknown`."""

import json
import time

import numpy as np
import pytest

import edgecnn
from edgecnn.bundle.bundle import open_model, read_bundle
from edgecnn.classify.nearness import NearnessDecoder
from edgecnn.engine import Engine, open_engine, register_engine
from edgecnn.errors import AnswerError, BundleError, EngineError, OptionError
from edgecnn.frame import Frame, Predictions
from edgecnn.tflite.file import Tensor
from tests.nearness import LABELS, THRESHOLD, WHITE, color, color_bundle

RED, PURE_WHITE, ORANGE = color(255, 0, 0), color(255, 255, 255), color(200, 100, 0)
# 200 / √(200² + 100²)
NEAR_ORANGE = 2 / 5**0.5
VARIANTS = ("int8", "float32")


@pytest.fixture(scope="module")
def colors(tmp_path_factory):
    return color_bundle(tmp_path_factory.mktemp("nearness"))


def frame(pixels):
    return Frame(pixels, time.monotonic_ns(), 0, "made")


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_nearness_is_the_largest_cosine_and_decides_what_is_unknown(colors, variant):
    with edgecnn.load(colors, variant) as classifier:
        assert classifier.notices == ()
        for image, nearness, known in (
            (RED, 1, True),
            (PURE_WHITE, WHITE, False),
            (ORANGE, NEAR_ORANGE, True),
        ):
            predictions = classifier.classify(image)
            assert predictions.nearness == pytest.approx(nearness, abs=1.5 / 128)
            assert classifier.knows(predictions) is known
            result = classifier.classify_frame(frame(image), 1)
            assert (result.nearness, result.unknown) == (predictions.nearness, not known)
            assert (result.label == "unknown") is not known
            assert result.predictions == predictions[:1]
            assert classifier.knows(result.predictions) is known
            timed, _ = classifier.classify_timed(image)
            assert (timed, timed.nearness) == (predictions, predictions.nearness)
        both = classifier.classify([RED, PURE_WHITE], top=1)
        assert [classifier.knows(p) for p in both] == [True, False]


def test_a_part_of_the_predictions_has_no_nearness_and_is_refused(colors):
    with edgecnn.load(colors) as classifier:
        predictions = classifier.classify(RED)
        with pytest.raises(OptionError, match="as `classify` returned them"):
            classifier.knows(predictions[:2])


def test_lines_have_the_nearness_of_models_that_have_one(colors):
    with edgecnn.load(colors) as classifier, edgecnn.load("digits") as digits:
        said = classifier.classify_frame(frame(PURE_WHITE), 1).as_dict()
        assert list(said) == ["source", "frame", "unknown", "nearness", "predictions", "latency_ms"]
        assert said["nearness"] == pytest.approx(WHITE, abs=1.5 / 128)
        assert json.loads(json.dumps(said)) == said
        other = digits.classify_frame(frame(PURE_WHITE), 1)
        assert other.nearness is None
        assert "nearness" not in other.as_dict()
        assert type(digits.classify(PURE_WHITE)) is list


def test_a_threshold_of_scores_leaves_that_of_the_nearness_and_zero_turns_both_off(colors):
    for threshold, known in ((None, False), (0.2, False), (0.0, True)):
        with edgecnn.load(colors, threshold=threshold) as classifier:
            predictions = classifier.classify(PURE_WHITE)
            assert predictions.nearness == pytest.approx(WHITE, abs=1.5 / 128)
            assert classifier.knows(predictions) is known
    with edgecnn.load(colors, threshold=0.999) as classifier:
        assert not classifier.knows(classifier.classify(RED)), "near, and its score is below the threshold"


def test_an_output_without_a_threshold_is_read_and_decides_nothing(tmp_path):
    with edgecnn.load(color_bundle(tmp_path, variant=None)) as classifier:
        result = classifier.classify_frame(frame(PURE_WHITE), 1)
        assert result.nearness == pytest.approx(WHITE, abs=1.5 / 128)
        assert result.unknown is None


def test_several_labels_are_found_in_what_is_near_alone(tmp_path):
    folder = color_bundle(tmp_path, scores="multi-label", thresholds=[0.3] * 3)
    with edgecnn.load(folder) as classifier:
        white, red = (classifier.classify_frame(frame(image), 1) for image in (PURE_WHITE, RED))
        assert (white.found, white.unknown, white.label) == ((), True, "unknown")
        assert (red.found, red.unknown) == (("red",), False)
        assert classifier.found(classifier.classify(PURE_WHITE)) == ()
        assert classifier.smoother()(np.full(3, 0.4), None, None, 0.1).found == ()
    with edgecnn.load(folder, threshold=0.3) as classifier:
        assert classifier.classify_frame(frame(PURE_WHITE), 1).unknown, "its nearness counts as before"


def test_a_stream_smooths_the_nearness(colors):
    with edgecnn.load(colors) as classifier:
        smoother = classifier.smoother(smooth=0, hold=2)
        shown = [
            classifier.classify_frame(frame(p), 1, smoother).shown for p in (RED, PURE_WHITE, PURE_WHITE, RED)
        ]
    assert shown == ["red", "red", "unknown", "unknown"]


@pytest.mark.parametrize(
    ("spec", "deadline"), [("litert", None), ("litert", 60_000), ("fake", None), ("fake", 60_000)]
)
@pytest.mark.parametrize("variant", VARIANTS)
def test_engines_give_the_second_output_of_the_last_run(colors, spec, deadline, variant):
    model = open_model(colors, variant)
    image = model.inputs[0]
    tensor = np.full(image.shape, 127 if image.dtype == "int8" else 1, image.dtype)
    with open_engine(spec, model, deadline_ms=deadline) as engine:
        assert engine.reads
        if deadline:
            with pytest.raises(EngineError, match="has not run"):
                engine.read(1)
        first = engine.invoke(tensor).copy()
        second = engine.read(1)
        assert (second.shape, second.dtype.name) == ((1, 3), image.dtype)
        assert np.array_equal(engine.read(0), first)
        expected = [0.25, 0, 0.75] if spec == "fake" else [WHITE] * 3
        real = second[0] * (model.nearness.scale or 1)
        assert real == pytest.approx(expected, abs=1.5 / 128)


class ScoresAlone(Engine):
    """An engine as plugins may be: without `read`."""

    name = "scores-alone"

    def __init__(self, model, spec, threads):
        self._engine = open_engine("litert", model, threads)

    def invoke(self, tensor):
        return self._engine.invoke(tensor)

    def close(self):
        self._engine.close()


def test_an_engine_of_scores_alone_is_noticed_and_judged_by_scores(colors, unregister):
    register_engine("scores-alone", ScoresAlone)
    with edgecnn.load(colors, engine="scores-alone") as classifier:
        (notice,) = classifier.notices
        assert "scores-alone: that engine gives the scores and not the nearness" in notice
        result = classifier.classify_frame(frame(PURE_WHITE))
        assert (result.nearness, result.unknown) == (None, None)
        assert classifier.knows(classifier.classify(PURE_WHITE))
        with pytest.raises(EngineError, match="gives the first output alone"):
            classifier.engine.read(1)
    with edgecnn.load("digits", engine="scores-alone") as classifier:
        assert classifier.notices == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_no_nearness(bad):
    decode = NearnessDecoder(Tensor("nearness", (1, 3), "float32", 0.0, 0, 0), "mine float32")
    assert decode(np.array([[0.5, -1, 0.25]], np.float32)) == 0.5
    with pytest.raises(AnswerError, match="mine float32 answered NaN or infinity as the nearness"):
        decode(np.array([[0.5, bad, 0.25]], np.float32))


def test_quantized_values_are_compared_as_they_are():
    signed = NearnessDecoder(Tensor("nearness", (1, 4), "int8", 1 / 128, 0, 1), "mine")
    assert signed(np.array([[-128, 64, 3, 127]], np.int8)) == 127 / 128
    assert signed(np.array([[-128, -64, -100, -127]], np.int8)) == -0.5
    unsigned = NearnessDecoder(Tensor("nearness", (1, 2), "uint8", 1 / 128, 128, 1), "mine")
    assert unsigned(np.array([[0, 192]], np.uint8)) == 0.5


def test_the_manifest_says_which_output_it_is_and_where_it_begins(colors):
    bundle = read_bundle(colors)
    assert (bundle.output, bundle.nearness) == ("probabilities", "nearness")
    assert {name: c.nearness for name, c in bundle.confidence.items()} == dict.fromkeys(VARIANTS, THRESHOLD)
    model = open_model(colors)
    assert [t.name for t in model.outputs] == ["probabilities", "nearness"]
    assert model.places == (0, 1)
    assert model.nearness.scale == 1 / 128


def test_a_missing_output_is_an_error_with_the_way_out(tmp_path):
    folder = color_bundle(tmp_path, output="cosines")
    with pytest.raises(BundleError) as caught:
        edgecnn.load(folder)
    said = str(caught.value)
    assert "int8.tflite has no output 'cosines' besides its scores" in said
    assert "it has probabilities [1, 3], nearness [1, 3]; name one of these there" in said
    assert "remove every `nearness`" in said


def test_the_scores_are_not_the_nearness(tmp_path):
    with pytest.raises(BundleError, match="no output 'probabilities' besides its scores"):
        edgecnn.load(color_bundle(tmp_path, output="probabilities"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"variant": 1.5}, r"variants\.int8\.nearness is 1\.5, expected a number from -1 to 1"),
        ({"variant": "x"}, r"variants\.int8\.nearness is 'x', expected a number"),
        ({"output": 3}, r"unknown\.nearness is 3, expected a text"),
        (
            {"output": None},
            r"nearness is 0\.8, expected none, since confidence\.unknown\.nearness names no output",
        ),
    ],
)
def test_what_a_manifest_can_not_say_of_the_nearness(tmp_path, changes, said):
    with pytest.raises(BundleError, match=said):
        color_bundle(tmp_path, **changes)


def test_predictions_are_a_list_that_travels():
    import pickle

    predictions = Predictions([edgecnn.Prediction(LABELS[0], 0, 0.5)], 0.25)
    copied = pickle.loads(pickle.dumps(predictions))
    assert (copied, copied.nearness) == (predictions, 0.25)
