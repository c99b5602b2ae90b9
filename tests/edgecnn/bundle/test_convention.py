import numpy as np
import pytest

import edgecnn
from edgecnn.bundle.convention import find_convention, find_range
from edgecnn.bundle.input_spec import Given
from edgecnn.errors import LabelsError, ModelError
from edgecnn.tflite.file import read_tflite
from edgecnn.tflite.labels import read_labels
from edgecnn.tflite.writer import write_metadata
from tests.models import channels_first, quantized, shipped, without_softmax

IMAGES = np.random.default_rng(3).integers(0, 256, (20, 48, 64, 3), np.uint8)


def described(data, value_range):
    return write_metadata(
        data, name="n", description="d", license_text="l", labels=list("abcdefghij"), color="rgb",
        value_range=value_range,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("scale", "zero_point", "dtype", "expected"),
    [
        (1 / 127.5, 127, "UINT8", (-1, 1)),
        (0.0078125, 128, "UINT8", (-1, 1)),
        (1 / 127.5, -1, "INT8", (-1, 1)),
        (0.0078, 0, "INT8", (-1, 1)),
        (1 / 255, 0, "UINT8", (0, 1)),
        (1 / 255, -128, "INT8", (0, 1)),
        (1.0, 0, "UINT8", (0, 255)),
        (1.0, -128, "INT8", (0, 255)),
    ],
)
def test_a_quantized_input_tells_its_range(scale, zero_point, dtype, expected):
    found, reason = find_range(read_tflite(quantized(shipped("cifar10"), scale, zero_point, dtype), "m"))
    assert found == expected
    assert f"zero point {zero_point}" in reason


def test_an_unusual_range_has_to_be_told():
    file = read_tflite(quantized(shipped("cifar10"), 0.02, 0), "m")
    assert find_range(file)[0] is None
    with pytest.raises(
        ModelError,
        match=r"^m has an input that stands for -2\.56\.\.2\.54, which is none .*: add --range -2\.56",
    ):
        find_convention(file, Given()).spec("m")
    assert find_convention(file, Given(value_range=(-2.5, 2.5))).spec("m").value_range == (-2.5, 2.5)


def test_a_float_model_says_it_in_its_metadata_or_not_at_all():
    bare = shipped("cifar10", "float32")
    assert find_range(read_tflite(described(bare, (-1.0, 1.0)), "m")) == (
        (-1.0, 1.0), "its metadata: (pixel − 127.5) / 127.5",
    )  # fmt: skip


def test_metadata_that_contradict_the_quantization_do_not_count():
    """Quantized to -1..1, pixels of 0..255 would all be white."""
    data = described(quantized(shipped("cifar10"), 1 / 127.5, -1), (0.0, 255.0))
    found, reason = find_range(read_tflite(data, "m"))
    assert found == (-1, 1)
    assert reason.startswith("its input's quantization")


def test_each_part_has_its_reason():
    file = read_tflite(quantized(shipped("cifar10"), 1 / 255, -128), "m")
    inferred = find_convention(file, Given())
    assert (inferred.fit, inferred.color, inferred.layout) == ("stretch", "rgb", "nhwc")
    assert "3 channels" in inferred.reasons["color"]
    assert "1×32×32×3" in inferred.reasons["layout"]
    told = find_convention(file, Given(None, (0.0, 255.0), "pad", "bgr"))
    assert (told.fit, told.color, told.value_range) == ("pad", "bgr", (0.0, 255.0))
    assert {told.reasons[k] for k in ("range", "fit", "color")} == {"as given"}


def test_channels_first_gives_the_same_answers(tmp_path, labels):
    for name in ("cifar10", "digits"):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(channels_first(shipped(name)))
        same = tmp_path / "same.tflite"
        same.write_bytes(shipped(name))
        told = {"labels": labels, "fit": "stretch"}  # which the shipped file says itself
        with edgecnn.load(path, **told) as first, edgecnn.load(same, **told) as last:
            assert first.model.input.layout == "nchw"
            for image in IMAGES:
                assert np.array_equal(first.probabilities(image), last.probabilities(image))


def test_bgr_takes_the_channels_the_other_way_round(tmp_path, labels):
    path = tmp_path / "m.tflite"
    path.write_bytes(shipped("cifar10"))
    with edgecnn.load(path, labels=labels) as rgb, edgecnn.load(path, labels=labels, color="bgr") as bgr:
        for image in IMAGES:
            assert np.array_equal(rgb.probabilities(image), bgr.probabilities(image[..., ::-1].copy()))


def test_gray_fills_three_channels_with_one(tmp_path, labels):
    path = tmp_path / "m.tflite"
    for data in (shipped("cifar10"), channels_first(shipped("cifar10"))):
        path.write_bytes(data)
        with edgecnn.load(path, labels=labels) as rgb, edgecnn.load(path, labels=labels, color="gray") as one:
            for image in IMAGES[..., 0]:
                assert np.array_equal(rgb.probabilities(image), one.probabilities(image))


def test_one_channel_has_no_color(tmp_path, labels):
    path = tmp_path / "m.tflite"
    path.write_bytes(shipped("digits"))
    with pytest.raises(ModelError, match="--color bgr is for three channels"):
        edgecnn.load(path, labels=labels, color="bgr")


def test_logits_become_probabilities(tmp_path, labels):
    path, whole = tmp_path / "m.tflite", tmp_path / "whole.tflite"
    path.write_bytes(without_softmax(shipped("digits", "float32")))
    whole.write_bytes(shipped("digits", "float32"))
    told = {"labels": labels, "value_range": (0.0, 1.0)}
    with edgecnn.load(path, **told) as logits, edgecnn.load(whole, **told) as expected:
        assert logits.model.scores == "logits"
        for image in IMAGES:
            assert np.allclose(logits.probabilities(image), expected.probabilities(image), atol=1e-6)


def test_imagenets_background_class_is_unknown(shared, tmp_path):
    path = shared / "models/coral/mobilenet_v2_1.0_224_quant.tflite"
    lines = read_labels(shared / "models/coral/imagenet_labels.txt")
    for count in (1001, 1000):
        short = tmp_path / f"{count}.txt"
        short.write_text("\n".join(lines[-count:]))
        with edgecnn.load(path, labels=short) as classifier:
            assert classifier.labels[:2] == ("background", "tench, Tinca tinca")
            assert classifier.model.confidence.background == 0
    short.write_text("\n".join(str(n) for n in range(999)))
    with pytest.raises(LabelsError, match="999 labels, but the model has 1001"):
        edgecnn.load(path, labels=short)
