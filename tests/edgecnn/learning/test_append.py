import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgecnn.dataset.duplicates import unit
from edgecnn.learning.append import Taught, append_head
from edgecnn.learning.cut import find_cut
from edgecnn.learning.head import Head
from edgecnn.learning.trunk import TrunkFile
from edgecnn.tflite.file import read_tflite
from tests.edgecnn.tflite.test_builder import PLAIN, XNNPACK, place_of, run
from tests.models import edited, like, operator
from tests.trunks import inputs, tiny_float, tiny_int8

CLASSES, PROTOTYPES = 4, 6
RNG = np.random.default_rng(2)
HEAD = Head(RNG.normal(0, 1, (48, CLASSES)).astype(np.float32), RNG.normal(0, 1, CLASSES).astype(np.float32))
NEAR = unit(np.abs(RNG.normal(0, 1, (PROTOTYPES, 48))).astype(np.float32))


def trunk_of(data):
    file = read_tflite(data, "x")
    unsigned = "unsigned" if any(t.name == "unsigned" for t in file.tensors) else None
    return TrunkFile(file, find_cut(file, "x", unsigned))


def embeddings(data, images):
    """The embeddings of a network's inputs, as real values."""
    place = place_of(data, trunk_of(data).embedding.name)
    tensor = read_tflite(data, "x").tensors[place]
    rows = np.stack([run(data, image, tensors=[place])[-1].reshape(-1) for image in images])
    if tensor.dtype == "float32":
        return rows
    return (rows.astype(np.float32) - tensor.zero_point) * np.float32(tensor.scale)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def in_steps(data, images):
    entry = read_tflite(data, "x").inputs[0]
    limits = np.iinfo(entry.dtype)
    steps = [np.rint(image / entry.scale) + entry.zero_point for image in images]
    return [np.clip(step, limits.min, limits.max).astype(entry.dtype) for step in steps]


def as_uint8(data):
    """The same network with a uint8 input and embedding: QUANTIZE before it and behind the pooling."""

    def edit(model, graph):
        mean = next(op for op in graph.operators if op.outputs[0] == place)
        signed = int(mean.outputs[0])
        unsigned = like(model, graph, signed, "unsigned", graph.tensors[signed].shape)
        own = schema.QuantizationParametersT()
        twin = graph.tensors[signed].quantization
        own.scale, own.zeroPoint = twin.scale, np.array(twin.zeroPoint) + 128
        graph.tensors[unsigned].type, graph.tensors[unsigned].quantization = schema.TensorType.UINT8, own
        again = like(model, graph, signed, "again", graph.tensors[signed].shape)
        at = graph.operators.index(mean)
        for op in graph.operators[at + 1 :]:
            op.inputs = np.array([again if k == signed else k for k in op.inputs], np.int32)
        graph.operators[at + 1 : at + 1] = [
            operator(model, "QUANTIZE", [signed], [unsigned], schema.QuantizeOptionsT()),
            operator(model, "QUANTIZE", [unsigned], [again], schema.QuantizeOptionsT()),
        ]

    place = place_of(data, "embedding")
    return edited(data, edit)


@pytest.fixture(scope="module")
def images():
    return list(inputs(8, seed=4))


def test_float_heads_equal_numpy(images):
    found = embeddings(tiny_float(), images)
    data = append_head(trunk_of(tiny_float()), Taught(HEAD, NEAR, (-9, 9)), "a test")
    for resolver in (PLAIN, XNNPACK):
        outputs = [run(data, image, resolver) for image in images]
        scores, near = (np.concatenate(column) for column in zip(*outputs, strict=True))
        np.testing.assert_allclose(scores, softmax(HEAD.logits(found)), atol=1e-5)
        np.testing.assert_allclose(near, unit(found) @ NEAR.T, atol=1e-5)


def test_the_outputs_are_named_and_shaped():
    for data in (tiny_float(), tiny_int8()):
        file = read_tflite(append_head(trunk_of(data), Taught(HEAD, NEAR, (-9, 9)), "a test"), "x")
        scores, near = file.outputs
        assert (scores.name, scores.shape) == ("probabilities", (1, CLASSES))
        assert (near.name, near.shape) == ("nearness", (1, PROTOTYPES))
        assert file.inputs == read_tflite(data, "x").inputs
        assert file.operators[-4:] == ("FULLY_CONNECTED", "SOFTMAX", "L2_NORMALIZATION", "FULLY_CONNECTED")
        if data is tiny_float():
            assert scores.dtype == near.dtype == "float32"
        else:
            assert file.float_tensors == ()
            assert (scores.dtype, scores.scale, scores.zero_point) == ("int8", 1 / 256, -128)
            assert (near.dtype, near.scale, near.zero_point) == ("int8", 1 / 128, 0)


@pytest.mark.parametrize("kind", ["int8", "uint8"])
def test_int8_heads_equal_numpy_within_their_steps(images, kind):
    trunk = tiny_int8() if kind == "int8" else as_uint8(tiny_int8())
    assert trunk_of(trunk).embedding.dtype == kind
    steps = in_steps(trunk, images)
    found = embeddings(trunk, steps)
    logits = HEAD.logits(found)
    data = append_head(trunk_of(trunk), Taught(HEAD, NEAR, (float(logits.min()), float(logits.max()))), "x")
    place = place_of(data, "logits")
    scale, zero_point = (getattr(read_tflite(data, "x").tensors[place], n) for n in ("scale", "zero_point"))
    # Each of 48 weights is off by half a step at most, and each logit by half of its own.
    largest = np.abs(found).sum(axis=1).max() * np.abs(HEAD.weights).max() / 127 / 2 + scale
    for image, expected, direction in zip(steps, logits, unit(found), strict=True):
        scores, near, own = run(data, image, PLAIN, [place])
        assert np.abs((own[0].astype(float) - zero_point) * scale - expected).max() < largest
        assert np.abs((scores[0] + 128.0) / 256 - softmax(expected[None])[0]).max() < 0.05
        assert np.abs(near[0] / 128.0 - direction @ NEAR.T).max() <= 2 / 128
        faster, nearly = run(data, image, XNNPACK)
        assert np.abs(nearly.astype(int) - near).max() <= 1
        # The logits differ by one step, and by a quarter of it the largest scores.
        assert np.abs(faster.astype(int) - scores).max() <= scale / 4 * 256 + 1


def test_a_third_party_uint8_network_gets_an_int8_head(shared):
    trunk = trunk_of((shared / "models/coral/mobilenet_v2_1.0_224_quant.tflite").read_bytes())
    rng = np.random.default_rng(0)
    head = Head(rng.normal(0, 1, (1280, 3)).astype(np.float32), np.zeros(3, np.float32))
    near = unit(np.abs(rng.normal(0, 1, (2, 1280))).astype(np.float32))
    image = rng.integers(0, 256, (1, 224, 224, 3), np.uint8)
    (found,) = embeddings(trunk.file.data, [image])
    logits = head.logits(found)
    data = append_head(trunk, Taught(head, near, (float(logits.min()), float(logits.max()))), "x")
    scores, cosines = run(data, image)
    assert scores.dtype == cosines.dtype == np.int8
    assert scores.argmax() == logits.argmax()
    assert np.abs(cosines[0] / 128.0 - unit(found[None])[0] @ near.T).max() <= 2 / 128


def test_logits_beyond_those_seen_have_some_room():
    data = append_head(trunk_of(tiny_int8()), Taught(HEAD, NEAR, (-10, 5)), "x")
    logits = read_tflite(data, "x").tensors[place_of(data, "logits")]
    low, high = ((v - logits.zero_point) * logits.scale for v in (-128, 127))
    assert low == pytest.approx(-11, abs=0.1)
    assert high == pytest.approx(5.5, abs=0.1)


def test_a_pooled_image_becomes_a_row():
    """A trunk is often cut at (1, 1, 1, values)."""

    def square(model, graph):
        place = place_of(tiny_float(), "embedding")
        shape = [1, 1, 1, 48]
        graph.tensors[place].shape = np.array(shape, np.int32)
        mean = next(op for op in graph.operators if place in op.outputs)
        mean.builtinOptions.keepDims = True

    trunk = edited(tiny_float(), square)
    assert trunk_of(trunk).embedding.shape == (1, 1, 1, 48)
    image = next(inputs(1))
    one, other = (
        run(append_head(trunk_of(t), Taught(HEAD, NEAR, (-9, 9)), "x"), image) for t in (trunk, tiny_float())
    )
    for values, expected in zip(one, other, strict=True):
        np.testing.assert_allclose(values, expected, atol=1e-5)


def test_heads_of_nothing_and_of_huge_weights_stay_finite(images):
    steps = in_steps(tiny_int8(), images)
    zero = Head(np.zeros((48, 3), np.float32), np.zeros(3, np.float32))
    scores, _ = run(append_head(trunk_of(tiny_int8()), Taught(zero, NEAR, (0.0, 0.0)), "x"), steps[0])
    assert np.ptp(scores) == 0
    huge = Head(HEAD.weights * np.float32(1e4), HEAD.bias * np.float32(1e4))
    logits = huge.logits(embeddings(tiny_int8(), steps))
    limits = (float(logits.min()), float(logits.max()))
    data = append_head(trunk_of(tiny_int8()), Taught(huge, NEAR, limits), "x")
    best = [run(data, step)[0][0].argmax() for step in steps]
    assert np.mean(best == logits.argmax(axis=1)) >= 0.75
