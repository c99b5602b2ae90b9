import hashlib
import json

import numpy as np
import pytest

import edgecnn
from edgecnn.tflite.file import read_tflite
from edgecnn_train.quantize import to_dynamic_range, to_float16


@pytest.fixture(scope="module")
def bundle(workshop, tmp_path_factory):
    """A bundle of the classic network with every variant."""
    tmp_path = tmp_path_factory.mktemp("all")
    network = workshop.network("classic")
    files = {
        "int8": workshop.int8("classic"),
        "float32": workshop.float32("classic"),
        "float16": to_float16(network),
        "dynamic": to_dynamic_range(network),
    }
    labels = [f"class {i}" for i in range(10)]
    variants = {}
    for name, content in files.items():
        (tmp_path / f"{name}.tflite").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        macs = read_tflite(content, name).macs
        variants[name] = {"file": f"{name}.tflite", "sha256": digest, "bytes": len(content), "macs": macs}
    size = {"width": 32, "height": 32, "color": "rgb", "fit": "crop", "resize": "staged", "range": [0, 1]}
    manifest = {"format": 1, "name": "all", "title": "all", "labels": labels, "input": size}
    (tmp_path / "bundle.json").write_text(json.dumps(manifest | {"variants": variants}))
    (tmp_path / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    return tmp_path


def test_every_variant_runs_from_a_bundle_and_answers_alike(workshop, bundle):
    named, scores = {}, {}
    for variant in ("float32", "float16", "dynamic", "int8"):
        with edgecnn.load(bundle, variant) as classifier:
            assert classifier.model.variant == variant
            answers = [classifier.classify(image[..., ::-1]) for image in workshop.test.images]
        named[variant] = np.array([a[0].index for a in answers])
        scores[variant] = np.array([a[0].score for a in answers])
    assert np.mean(named["float32"] == workshop.test.labels) > 0.5
    assert np.mean(named["float16"] == named["float32"]) >= 0.995
    assert np.abs(scores["float16"] - scores["float32"]).max() < 0.01
    assert np.mean(named["dynamic"] == named["float32"]) >= 0.95
    assert np.mean(named["int8"] == named["float32"]) >= 0.95


def test_what_each_variant_stores(bundle):
    size = {p.stem: p.stat().st_size for p in bundle.glob("*.tflite")}
    assert size["dynamic"] < size["float16"] < size["float32"]
    kinds = {
        p.stem: [t.dtype for t in read_tflite(p.read_bytes(), p.stem).tensors]
        for p in bundle.glob("*.tflite")
    }
    assert "float16" in kinds["float16"]
    assert {"int8", "float32"} <= set(kinds["dynamic"])
    assert set(kinds["int8"]) == {"int8", "int32"}
    for variant in ("float16", "dynamic"):
        file = read_tflite((bundle / f"{variant}.tflite").read_bytes(), variant)
        assert (file.inputs[0].dtype, file.outputs[0].dtype) == ("float32", "float32")
