import numpy as np
import pytest

import edgecnn
from edgecnn.bundle.scores import scores_of_graph, scores_of_outputs
from edgecnn.errors import ModelError
from edgecnn.tflite.file import read_tflite
from tests.models import (
    AFTER_SOFTMAX,
    compiled,
    dequantized,
    followed,
    shipped,
    sigmoid,
    without_softmax,
)

IMAGES = np.random.default_rng(4).integers(0, 256, (12, 40, 60, 3), np.uint8)
FLOAT = {"value_range": (0.0, 1.0)}


@pytest.fixture
def model(tmp_path):
    """Write a model, and return its path."""

    def write(data, name="m"):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(data)
        return path

    return write


def found(data):
    return scores_of_graph(read_tflite(data, "m"))


@pytest.mark.parametrize("add", ["stepwise", "clipped", "averaged"])
def test_a_softmax_in_front_of_other_operators_is_found(add, model, labels):
    data = followed(shipped("digits", "float32"), AFTER_SOFTMAX[add])
    assert found(data)[::2] == ("probabilities", True)
    whole, path = model(shipped("digits", "float32"), "whole"), model(data)
    with (
        edgecnn.load(path, labels=labels, **FLOAT) as ours,
        edgecnn.load(whole, labels=labels, **FLOAT) as same,
    ):
        assert ours.notices == ()
        for image in IMAGES:
            assert np.allclose(ours.probabilities(image), same.probabilities(image), atol=1e-6)


def test_a_quantized_one_too():
    assert found(followed(shipped("cifar10"), AFTER_SOFTMAX["stepwise"])).scores == "probabilities"


def test_what_the_graph_does_not_tell_the_outputs_do(model, labels):
    """Two softmaxes added and halved: no rule of the graph, but they sum to one."""
    path = model(followed(shipped("digits", "float32"), AFTER_SOFTMAX["ensemble"]))
    assert found(path.read_bytes()).scores is None
    for _ in range(2):  # measured, then remembered
        with edgecnn.load(path, labels=labels, **FLOAT) as ours:
            assert ours.model.scores == "probabilities"
            assert "0 or more and sum to one" in ours.notices[0]
            assert "--scores logits" in ours.notices[0]
    with edgecnn.load(path, labels=labels, scores="logits", **FLOAT) as told:
        assert told.model.scores == "logits"
        assert max(told.probabilities(IMAGES[0])) < 0.3


def test_logits_are_none_the_less_logits(model, labels):
    for variant in ("int8", "float32"):
        assert found(without_softmax(shipped("digits", variant))).scores == "logits"
    path = model(without_softmax(shipped("digits")))
    with edgecnn.load(path, labels=labels, fit="crop") as ours, edgecnn.load("digits") as whole:
        for image in IMAGES:
            assert abs(ours.probabilities(image) - whole.probabilities(image)).max() < 0.1


@pytest.mark.parametrize("variant", ["int8", "float32"])
def test_one_sigmoid_is_two_classes(variant, model, tmp_path):
    path = model(sigmoid(shipped("digits", variant), 1, first=3))
    two = tmp_path / "two.txt"
    for lines, expected in (("no three\nthree", ("no three", "three")), ("three", ("not three", "three"))):
        two.write_text(lines)
        with edgecnn.load(path, labels=two, value_range=(0.0, 1.0)) as ours:
            assert ours.labels == expected
            assert ours.model.scores == "probabilities"
            assert "two classes" in ours.notices[0]
            for image in IMAGES:
                scores = ours.probabilities(image)
                assert scores.shape == (2,)
                assert scores.sum() == pytest.approx(1, abs=1e-6)
                predictions = ours.classify(image)
                assert [p.score for p in predictions] == pytest.approx(sorted(scores, reverse=True))
                assert predictions[0].label == expected[int(scores[1] > scores[0])]
    two.write_text("a\nb\nc")
    with pytest.raises(ModelError, match="3 labels, but the model has 2 classes"):
        edgecnn.load(path, labels=two, value_range=(0.0, 1.0))


def test_its_score_is_the_second_class(model, tmp_path):
    """The sigmoid of a logit is the softmax of it and a zero."""
    two = tmp_path / "two.txt"
    two.write_text("absent\npresent")
    data = shipped("digits", "float32")
    logit = followed(without_softmax(data), _first)
    told = {"labels": two, **FLOAT}
    with (
        edgecnn.load(model(sigmoid(data, 1), "p"), **told) as p,
        edgecnn.load(model(logit, "l"), **told) as x,
    ):
        assert x.model.scores == "logits"
        for image in IMAGES:
            assert np.allclose(p.probabilities(image), x.probabilities(image), atol=1e-6)


def _first(model, graph, logits):
    from ai_edge_litert import schema_py_generated as schema

    from tests.models import like, operator, tensor

    taken = like(model, graph, logits, "taken", [1, 1])
    parts = [
        tensor(model, graph, n, [2], "INT32", values=np.array(v, "<i4"))
        for n, v in (("begin", [0, 0]), ("size", [1, 1]))
    ]
    graph.operators.append(operator(model, "SLICE", [logits, *parts], [taken], schema.SliceOptionsT()))
    return taken


def test_a_softmax_of_one_value_is_no_score(model, labels):
    from ai_edge_litert import schema_py_generated as schema

    from tests.models import like, operator

    def add(made, graph, logits):
        taken = _first(made, graph, logits)
        scores = like(made, graph, taken, "scores", [1, 1])
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        graph.operators.append(operator(made, "SOFTMAX", [taken], [scores], options))
        return scores

    with pytest.raises(ModelError, match="a softmax of one value, which is always 1"):
        edgecnn.load(
            model(followed(without_softmax(shipped("digits", "float32")), add)), labels=labels, **FLOAT
        )


@pytest.mark.parametrize("variant", ["int8", "float32"])
def test_several_sigmoids_count_independently(variant, model, labels):
    path = model(sigmoid(shipped("digits", variant), 10))
    with edgecnn.load(path, labels=labels, value_range=(0.0, 1.0)) as ours:
        assert ours.model.scores == "multi-label"
        assert ours.multi_label
        assert ours.thresholds == (0.5,) * 10
        assert "each class on its own" in ours.notices[0]
        assert "--scores probabilities" in ours.notices[0]
        sums = [ours.probabilities(image).sum() for image in IMAGES]
        assert max(abs(s - 1) for s in sums) > 0.1, "nothing is normalized"
    with edgecnn.load(path, labels=labels, value_range=(0.0, 1.0), scores="probabilities") as told:
        assert not told.multi_label


def test_a_compiled_model_tells_it_by_its_steps_through_a_dequantize(shared):
    hidden = compiled(shipped("digits"))
    for data in (hidden, dequantized(hidden)):
        assert found(data).scores == "probabilities"
        assert not found(data).sure
    real = (shared / "models/coral/mobilenet_v2_1.0_224_quant_edgetpu.tflite").read_bytes()
    assert found(dequantized(real)).scores == "probabilities"


@pytest.mark.parametrize(
    ("outputs", "step", "expected"),
    [
        ([[0.2, 0.8], [1.0, 0.0]], 0, "probabilities"),
        ([[0.19921875, 0.796875], [0.99609375, 0.0]], 1 / 256, "probabilities"),
        ([[0.2, 0.9], [0.1, 0.1]], 0, None),
        ([[-0.2, 0.9], [0.1, 0.1]], 0, "logits"),
        ([[0.2, 3.9], [0.1, 0.1]], 0, "logits"),
        ([[0.2], [0.9]], 0, "probabilities"),
        ([[0.2], [-3.0]], 0, "logits"),
        ([[np.nan, 1.0], [0.0, 1.0]], 0, None),
    ],
)
def test_outputs_show_what_they_are(outputs, step, expected):
    assert scores_of_outputs(np.array(outputs, np.float32), step).scores == expected


def test_what_nothing_tells_is_asked_for(model, labels):
    """Sigmoids, added and halved: each between 0 and 1, and no sum."""
    path = model(followed(sigmoid(shipped("digits", "float32"), 10), AFTER_SOFTMAX["ensemble"]))
    with pytest.raises(ModelError, match="does not show what its scores are: .* sums up to .*; say --scores"):
        edgecnn.load(path, labels=labels, **FLOAT)
    with edgecnn.load(path, labels=labels, scores="multi-label", **FLOAT) as told:
        assert told.multi_label
