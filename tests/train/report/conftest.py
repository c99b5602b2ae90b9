"""A bundle's manifest and figures, made up, with names that want to be markup."""

from __future__ import annotations

import numpy as np
import pytest

from edgecnn.bundle.input_spec import InputSpec
from edgecnn.bundle.manifest import Variant
from edgecnn.bundle.manifest.writing import new_manifest
from edgecnn.evaluation.reliability import Reliability
from edgecnn.evaluation.verified import Verified
from edgecnn_train.confidence import Calibrated, CalibratedVariant
from edgecnn_train.record import TrainedModel, TrainedRecord

LABELS = ["<script>alert(1)</script>", "a|b", '"&amp; $x `k`']


def as_model(sections):
    """A made up bundle, with these sections of its manifest."""
    variants = [
        Variant(name, f"{name}.tflite", "0" * 64, v["bytes"], v["macs"], None)
        for name, v in sections["variants"].items()
    ]
    spec = InputSpec(**sections["input"], resize="halved", value_range=(0.0, 1.0))
    manifest = new_manifest(sections["name"], sections["title"], sections["labels"], spec, variants)
    return TrainedModel(manifest, TrainedRecord.model_validate(sections))


@pytest.fixture
def result():
    confusion = np.array([[8, 1, 1], [0, 10, 0], [3, 0, 0]])
    return Verified(23, 0.8, 18 / 23, 0.95, (), confusion, None, (8, 9, 20, 21, 22))


@pytest.fixture
def calibrated():
    bins = Reliability.of(np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([0, 0]))
    variant = CalibratedVariant(1.5, 0.4, 0.04, 0.02, False, 0.4, 0.02, (bins, bins), (bins, bins))
    return Calibrated({"int8": variant, "float32": variant}, 0.05, 0.1, "generated: <b>", 1000, None, 0)


@pytest.fixture
def sections(calibrated):
    latency = {stage: {"p50": 0.1, "p90": 0.15, "p99": 0.2} for stage in ("inference", "total")}
    return {
        "name": "mine",
        "title": "Mine & <i>yours</i> $title",
        "labels": LABELS,
        "input": {"width": 28, "height": 28, "color": "gray", "fit": "crop"},
        "variants": {"int8": {"bytes": 1000, "macs": 5000}, "float32": {"bytes": 4000, "macs": 5000}},
        "accuracy": {
            "test_pictures": 23,
            "agreement": 0.95,
            "drop_points": 0.0,
            "float_tensors": 0,
            "synthetic": None,
            "synthetic_frames": 0,
        },
        "data": {"name": "photos<", "licence": "not stated", "sha256": "0" * 64, "skipped": 0},
        "training": {
            "seed": 0,
            "epochs": 5,
            "best_epoch": 4,
            "pictures": {"train": 100, "validation": 20, "test": 23},
            "calibration": {"count": 50, "ids": "calibration.txt", "ids_sha256": "0" * 64},
            "seconds": 130.0,
            "machine": "a <machine>",
            "versions": {"keras": "3"},
        },
        "recipe": {"name": "tiny", "train": {"epochs": 5}, "augment": {"noise": 0.0, "blur": 0.0}},
        "quantization": {"method": "ptq", "second_calibration": None, "edge_tpu": []},
        "confidence": calibrated.as_dict(),
        "cost": {
            "parameters": 1234,
            "macs": 5000,
            "arena_bytes": {"int8": 2048, "float32": 8192},
            "latency_ms": {"int8": latency, "float32": latency},
            "machine": "a <machine>",
        },
    }


@pytest.fixture
def robustness():
    """The manifest's section for two corruptions."""
    shares = {"int8": [0.5, 0.4, 0.3, 0.2, 0.1], "float32": [0.6, 0.5, 0.4, 0.3, 0.2]}
    return {
        "pictures": 20,
        "mean": {"int8": 0.3, "float32": 0.4},
        "standard": {"gaussian_noise": shares},
        "extra": {"low_light": shares},
    }
