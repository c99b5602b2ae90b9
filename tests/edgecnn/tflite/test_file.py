import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgecnn.bundle import bundle
from edgecnn.bundle.classifier_file import as_classifier
from edgecnn.bundle.scores import scores_of_graph
from edgecnn.errors import ModelError
from edgecnn.tflite.file import read_tflite
from edgecnn.tflite.writer import write_metadata


def shipped(variant: str = "int8") -> bytes:
    return (bundle.find("digits") / f"{variant}.tflite").read_bytes()


def changed(change) -> bytes:
    """The shipped model with one thing changed in its graph."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(shipped()))
    change(model)
    builder = flatbuffers.Builder(1 << 18)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_the_shipped_int8_model_is_all_integer():
    file = read_tflite(shipped(), "digits")
    assert file.float_tensors == ()
    assert [t.shape for t in file.inputs + file.outputs] == [(1, 28, 28, 1), (1, 10)]
    assert {t.dtype for t in file.inputs + file.outputs} == {"int8"}
    assert scores_of_graph(file).scores == "probabilities"
    assert not file.edge_tpu
    weights = [t for t in file.tensors if t.dtype == "int8" and len(t.shape) == 4 and t.channels > 1]
    assert {t.channels for t in weights} == {32, 64}, "convolutions are quantized per channel"


def test_the_float_twin_is_told_apart():
    file = read_tflite(shipped("float32"), "digits")
    assert file.float_tensors
    assert file.inputs[0].dtype == "float32"


def test_macs_are_those_of_the_classic_network():
    by_hand = 26 * 26 * 32 * 9 + 11 * 11 * 64 * 9 * 32 + 1600 * 64 + 64 * 10
    assert read_tflite(shipped(), "digits").macs == by_hand


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"\n<!DOCTYPE html><html>", "web page"),
        (b"<html><body>404", "web page"),
        (bytes(range(256)) * 40, "no TFLite model"),
        (b"\x1c\0\0\0TFL3" + bytes(200), ""),
        (b"\xff\xff\xff\xffTFL3" + bytes(200), "damaged"),
    ],
)
def test_what_is_no_model_is_said(data, reason):
    with pytest.raises(ModelError, match="x.tflite") as error:
        read_tflite(data, "x.tflite")
    assert reason in str(error.value)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.99])
def test_truncated_models_are_damaged(share):
    data = shipped()
    with pytest.raises(ModelError, match="damaged or cut off"):
        read_tflite(data[: int(len(data) * share)], "cut.tflite")


def test_models_that_classify_no_image_are_refused():
    file = read_tflite(shipped(), "digits")
    (image,), (scores,) = file.inputs, file.outputs
    for odd in (
        file._replace(inputs=(image, image)),
        file._replace(inputs=(image._replace(shape=(1, 785)),)),
        file._replace(outputs=(scores._replace(shape=(1, 2, 5)),)),
        file._replace(inputs=(image._replace(shape=(1, 28, 28, 5)),)),
    ):
        with pytest.raises(ModelError, match="odd.tflite is no image classifier"):
            as_classifier(odd, "odd.tflite")


def test_an_integer_input_without_a_scale_is_refused():
    def unscaled(model):
        graph = model.subgraphs[0]
        graph.tensors[graph.inputs[0]].quantization = None

    with pytest.raises(ModelError, match="no quantization scale"):
        as_classifier(read_tflite(changed(unscaled), "odd.tflite"), "odd.tflite")


def test_metadata_carry_labels_and_normalization_and_change_nothing_else():
    plain = changed(lambda model: setattr(model, "metadata", []))
    labels = ("null", "eins", "größe", "3 series", *map(str, range(6)))
    said = {"name": "n", "description": "d", "license_text": "l", "color": "gray", "value_range": (-1.0, 1.0)}
    data = write_metadata(plain, labels=labels, **said)
    before, after = read_tflite(plain, "plain"), read_tflite(data, "packed")
    assert before.metadata.labels is None
    assert after.metadata.labels == labels
    assert after.metadata.mean == pytest.approx((127.5,))
    assert after.metadata.std == pytest.approx((127.5,))
    assert (before.tensors, before.operators, before.macs) == (after.tensors, after.operators, after.macs)
    assert write_metadata(data, labels=labels, **said) == data, "written again, they replace the old ones"


def test_damaged_metadata_count_as_none():
    data = shipped()
    at = data.index(b"M001")
    broken = data[: at - 4] + b"\xff\xff\xff\x7f" + data[at:]
    file = read_tflite(broken, "odd")
    assert file.metadata.mean is None
    assert file.inputs == read_tflite(data, "x").inputs


def test_real_third_party_models(shared):
    coral = shared / "models" / "coral"
    quantized = read_tflite((coral / "mobilenet_v2_1.0_224_quant.tflite").read_bytes(), "v2")
    assert quantized.macs == 300_775_552
    assert len(quantized.metadata.labels) == 1001
    compiled = read_tflite((shared / "models/odd/edgetpu_compiled_misnamed.tflite").read_bytes(), "odd")
    assert compiled.edge_tpu
    resnet = read_tflite((shared / "models/mlperf_tiny/pretrainedResnet_quant.tflite").read_bytes(), "resnet")
    assert resnet.macs == 12_501_632
